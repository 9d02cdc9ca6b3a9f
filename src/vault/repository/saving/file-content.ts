/** What a file's content became. */
export interface SavedContent {
  /** Of its blobs, in order; hexadecimal. */
  readonly ids: readonly string[];
  readonly sizeBytes: number;
}

/** The blobs of one file's content, as their names become known. */
export class FileContent {
  private readonly ids: string[] = [];
  private sizeBytes = 0;
  private missing = 1;
  private readonly onDone: (content: SavedContent) => void;

  /** `onDone` is called once, when `end` was called and every blob has its name. */
  constructor(onDone: (content: SavedContent) => void) {
    this.onDone = onDone;
  }

  /** Announces the next blob and returns its place in the content. */
  expect(): number {
    this.missing += 1;
    return this.ids.push('') - 1;
  }

  named(place: number, id: string): void {
    this.ids[place] = id;
    this.arrived();
  }

  /** No further blob will come. */
  end(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.arrived();
  }

  private arrived(): void {
    this.missing -= 1;
    if (this.missing === 0) this.onDone({ ids: this.ids, sizeBytes: this.sizeBytes });
  }
}
