import { manifestHead } from './manifest-format.ts';
import type { Line } from './record-line.ts';

const separator = ',\n';

/** Puts the lines of a manifest together. What stood one behind the other in the manifest before is copied as one. */
export class ManifestText {
  /** How much there is to take, about. */
  length = manifestHead.length;
  private readonly parts: Buffer[] = [];
  /** What follows the parts. */
  private text = manifestHead;
  /** What follows the text. */
  private run: { readonly bytes: Buffer; readonly start: number; end: number } | undefined;
  private separator = '';

  add(line: Line): void {
    this.length += separator.length;
    if (typeof line === 'string') this.append(this.separator + line);
    else {
      const { bytes, start, end } = line;
      this.length += end - start;
      // Of two such lines only a comma and a newline can stand between.
      if (this.run?.bytes === bytes && this.run.end + separator.length === start) this.run.end = end;
      else {
        this.append(this.separator);
        this.endText();
        this.run = { bytes, start, end };
      }
    }
    this.separator = separator;
  }

  append(text: string): void {
    if (this.run) {
      this.parts.push(this.run.bytes.subarray(this.run.start, this.run.end));
      this.run = undefined;
    }
    this.text += text;
    this.length += text.length;
  }

  /** All that was added since the last time. */
  take(): Buffer {
    this.append('');
    this.endText();
    this.length = 0;
    const parts = this.parts.splice(0);
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  private endText(): void {
    if (this.text !== '') this.parts.push(Buffer.from(this.text));
    this.text = '';
  }
}
