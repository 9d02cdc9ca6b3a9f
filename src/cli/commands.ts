import type { CommandWork } from './command-work.ts';

interface Entry {
  readonly name: string;
  /** What lists of commands say of it. */
  readonly does: string;
}

export interface CommandEntry extends Entry {
  readonly alias?: string;
  /** Its file of commands/, with everything that it needs. */
  readonly load: () => Promise<CommandWork>;
}

/** Commands with a word in common: "key add". */
export interface CommandGroup extends Entry {
  readonly commands: readonly CommandEntry[];
}

/** Commands that belong together, under the heading that help gives them. */
export interface CommandChapter {
  readonly heading: string;
  readonly commands: readonly (CommandEntry | CommandGroup)[];
}

/** The command line: every command by its name. None is loaded before it is called. */
export const chapters: readonly CommandChapter[] = [
  {
    heading: 'Back up:',
    commands: [
      {
        name: 'backup',
        does: 'back up the configured jobs, or the paths and databases given',
        load: async () => (await import('./commands/backup.ts')).backupCommand,
      },
      {
        name: 'once',
        does: 'the same as backup --once',
        load: async () => (await import('./commands/backup.ts')).onceCommand,
      },
      {
        name: 'daemon',
        does: 'run the configured jobs by their schedules, until SIGTERM',
        load: async () => (await import('./commands/daemon.ts')).daemonCommand,
      },
    ],
  },
  {
    heading: 'Look at what is kept:',
    commands: [
      {
        name: 'list',
        alias: 'snapshots',
        does: 'list restore points, oldest first',
        load: async () => (await import('./commands/list.ts')).listCommand,
      },
      {
        name: 'show',
        does: 'show everything about one restore point',
        load: async () => (await import('./commands/show.ts')).showCommand,
      },
      {
        name: 'ls',
        does: 'list the contents of a restore point',
        load: async () => (await import('./commands/ls.ts')).lsCommand,
      },
      {
        name: 'find',
        does: 'find files in the snapshots of a repository',
        load: async () => (await import('./commands/find.ts')).findCommand,
      },
      {
        name: 'diff',
        does: 'show what differs between two snapshots of a repository',
        load: async () => (await import('./commands/diff.ts')).diffCommand,
      },
      {
        name: 'stats',
        does: 'count what the snapshots of a repository hold',
        load: async () => (await import('./commands/stats.ts')).statsCommand,
      },
    ],
  },
  {
    heading: 'Restore:',
    commands: [
      {
        name: 'restore',
        does: 'put a restore point back',
        load: async () => (await import('./commands/restore.ts')).restoreCommand,
      },
      {
        name: 'dump',
        does: 'write a file of a restore point, or a folder as tar or zip, to standard output',
        load: async () => (await import('./commands/dump.ts')).dumpCommand,
      },
    ],
  },
  {
    heading: 'Prove that it can be restored:',
    commands: [
      {
        name: 'verify',
        does: 'check that restore points are whole',
        load: async () => (await import('./commands/verify.ts')).verifyCommand,
      },
      {
        name: 'check',
        does: 'check a repository as a whole, or all restore points of another vault',
        load: async () => (await import('./commands/check.ts')).checkCommand,
      },
    ],
  },
  {
    heading: 'Keep and forget:',
    commands: [
      {
        name: 'forget',
        does: 'delete restore points: those named, or all that a policy does not keep',
        load: async () => (await import('./commands/forget.ts')).forgetCommand,
      },
      {
        name: 'prune',
        does: 'remove the data of a repository that no snapshot needs any more',
        load: async () => (await import('./commands/prune.ts')).pruneCommand,
      },
      {
        name: 'copy',
        does: 'copy snapshots of another repository into this one',
        load: async () => (await import('./commands/copy.ts')).copyCommand,
      },
      {
        name: 'tag',
        does: 'change the tags of snapshots in a repository',
        load: async () => (await import('./commands/snapshot-changes.ts')).tagCommand,
      },
      {
        name: 'rewrite',
        does: 'make snapshots without some of their files, or of another host or time',
        load: async () => (await import('./commands/snapshot-changes.ts')).rewriteCommand,
      },
    ],
  },
  {
    heading: 'Look after a repository:',
    commands: [
      {
        name: 'init',
        does: 'make a repository, in restic’s format',
        load: async () => (await import('./commands/init.ts')).initCommand,
      },
      {
        name: 'key',
        does: 'list, add or remove the passwords of a repository',
        commands: [
          {
            name: 'list',
            does: 'list the keys of a repository; "*" has opened it',
            load: async () => (await import('./commands/key.ts')).listKeysCommand,
          },
          {
            name: 'add',
            does: 'add a key: another password that opens the repository',
            load: async () => (await import('./commands/key.ts')).addKeyCommand,
          },
          {
            name: 'remove',
            does: 'remove a key',
            load: async () => (await import('./commands/key.ts')).removeKeyCommand,
          },
          {
            name: 'passwd',
            does: 'change the password of the key that opens the repository',
            load: async () => (await import('./commands/key.ts')).changeKeyCommand,
          },
        ],
      },
      {
        name: 'unlock',
        does: 'remove the locks that programs which have died left in a repository',
        load: async () => (await import('./commands/unlock.ts')).unlockCommand,
      },
      {
        name: 'repair',
        does: 'mend a repository',
        commands: [
          {
            name: 'index',
            does: 'make the index of a repository anew, of the packs that are there',
            load: async () => (await import('./commands/repair.ts')).repairIndexCommand,
          },
          {
            name: 'snapshots',
            does: 'make snapshots without what is damaged or lost',
            load: async () => (await import('./commands/snapshot-changes.ts')).repairSnapshotsCommand,
          },
          {
            name: 'packs',
            does: 'save what can be read of damaged packs, and remove them',
            load: async () => (await import('./commands/repair.ts')).repairPacksCommand,
          },
        ],
      },
      {
        name: 'recover',
        does: 'make a snapshot of what no snapshot has any more',
        load: async () => (await import('./commands/recover.ts')).recoverCommand,
      },
      {
        name: 'rebuild-index',
        does: 'make the index of a repository anew, of the packs that are there',
        load: async () => (await import('./commands/repair.ts')).repairIndexCommand,
      },
      {
        name: 'cat',
        does: 'print a file or a blob of a repository as it is inside its seal',
        load: async () => (await import('./commands/cat.ts')).catCommand,
      },
      {
        name: 'repo',
        does: 'make a repository',
        commands: [
          {
            name: 'init',
            does: 'make a repository, in restic’s format',
            load: async () => (await import('./commands/init.ts')).initCommand,
          },
        ],
      },
    ],
  },
  {
    heading: 'Set up and watch:',
    commands: [
      {
        name: 'config',
        does: 'check, show or convert the configuration',
        commands: [
          {
            name: 'check',
            does: 'say whether the configuration is right; touches nothing',
            load: async () => (await import('./commands/config.ts')).checkConfigurationCommand,
          },
          {
            name: 'show',
            does: 'print the effective jobs, secrets hidden',
            load: async () => (await import('./commands/config.ts')).showConfigurationCommand,
          },
          {
            name: 'convert',
            does: 'print any accepted configuration as a holdfast.yaml',
            load: async () => (await import('./commands/config.ts')).convertConfigurationCommand,
          },
        ],
      },
      {
        name: 'doctor',
        does: 'say what is missing on this machine, and how to mend it',
        load: async () => (await import('./commands/doctor.ts')).doctorCommand,
      },
      {
        name: 'healthcheck',
        does: 'ask the databases and stores of the configuration whether they answer: 0 or 1',
        load: async () => (await import('./commands/healthcheck.ts')).healthcheckCommand,
      },
      {
        name: 'version',
        does: 'print the version, and what it runs on',
        load: async () => (await import('./commands/version.ts')).versionCommand,
      },
    ],
  },
];
