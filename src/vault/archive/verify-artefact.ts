import { HoldfastError, messageOf } from '../../base/errors.ts';
import type { VerifyFinding } from '../vault.ts';
import { checkPresence, readArtefact, type ReadArtefactOptions, readStored } from './artefact-reader.ts';
import { dumpFooterProblem, TailWindow } from './dump-footer.ts';
import { canOpen } from './encryption/encryption.ts';
import { keyNeeded } from './encryption/key-errors.ts';
import type { Manifest } from './manifest.ts';

export interface VerifyArtefactOptions extends ReadArtefactOptions {
  readonly readData: boolean;
}

/** What is wrong with one restore point; store errors other than a missing object are thrown. */
export async function verifyArtefact(
  readManifest: () => Promise<Manifest>,
  options: VerifyArtefactOptions,
): Promise<VerifyFinding[]> {
  try {
    const manifest = await readManifest();
    await checkPresence(manifest.artefact, options);
    return options.readData ? await verifyData(manifest, options) : [];
  } catch (error) {
    if (options.signal.aborted || !isFinding(error)) throw error;
    return [{ code: error.code, message: messageOf(error) }];
  }
}

const isFinding = (error: unknown): error is HoldfastError =>
  error instanceof HoldfastError && (error.code.startsWith('vault/') || error.code === 'store/not-found');

async function verifyData(manifest: Manifest, options: VerifyArtefactOptions): Promise<VerifyFinding[]> {
  const { encryption } = manifest.artefact;
  if (encryption && !canOpen(encryption, options.encryption)) {
    for await (const _chunk of readStored(manifest.artefact, options));
    const { code, message } = keyNeeded(encryption.type) as HoldfastError;
    return [{ code, message: `The stored bytes are intact, but no more could be checked: ${message}` }];
  }
  const findings: VerifyFinding[] = [];
  let files = 0;
  for await (const entry of readArtefact(manifest, options)) {
    if (entry.type === 'file') files += 1;
    if (manifest.source.shape === 'tree' || manifest.source.type !== 'postgres' || !entry.open) continue;
    const window = new TailWindow();
    for await (const chunk of entry.open(options.signal)) window.add(chunk);
    const problem = dumpFooterProblem(entry.path.toString(), window);
    if (problem !== undefined) findings.push({ code: 'vault/truncated', message: problem });
  }
  if (files !== manifest.files) {
    findings.push({ code: 'vault/corrupt', message: `It holds ${files} files; the manifest says ${manifest.files}.` });
  }
  return findings;
}
