/** What the tests of one run share: an S3 server, and PostgreSQL's programs of each major version, unpacked. */
import { postgresBinDir } from '../test/servers/postgres-versions.ts';
import { s3HandleOf, startS3Server } from '../test/servers/s3.ts';

export interface TestServices {
  /** Variables by which test files find the services. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts the services. Their files are under os.tmpdir() and go away with `stop`. */
export async function startTestServices(): Promise<TestServices> {
  for (const version of [15, 17, 18] as const) await postgresBinDir(version);
  const server = await startS3Server();
  return { environment: { HOLDFAST_TEST_S3: s3HandleOf(server) }, stop: async () => await server.stop() };
}
