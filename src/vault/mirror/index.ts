/**
 * The mirror vault: each file of a source is one plain object under its own path, and a manifest says what they are. Its
 * restore point is the state of the last run; there is none before it.
 *
 * Nouns: a *record* is what the manifest says of one entry. A *place* is where the mirror of one source stands. The
 * *journal* (journal.ts) is what runs note before they touch an object.
 *
 * Why what is read back was true: an object is overwritten in place, so that a run that dies leaves objects that are not
 * what the manifest says. But the journal said before what each was about to become. Reading, whose files the journal
 * names are compared with the manifest and then with the journal, and come as whichever they are: each file as the
 * source had it at the moment when one run read it, content and metadata together. Nothing is believed without its
 * SHA-256. The next run sends again whatever the journal names, and a manifest that knows all of it ends the journal.
 *
 * Invariants: the manifest is replaced by one conditional write, after everything that it says is durable; who loses the
 * race for it fails, and its journal stays, which makes what it sent harmless. Nothing is deleted before the manifest
 * that does without it is durable, and nothing at all unless `delete` is set. Manifests are read and written as streams,
 * in the order of the source's entries, so that of a million files only the place is held where the run stands.
 */
export { MirrorVault, type MirrorVaultOptions } from './mirror-vault.ts';
export type { MirrorVaultSpec } from './mirror-spec.ts';
