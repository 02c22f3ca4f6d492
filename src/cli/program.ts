/**
 * The tree of commands with their options, helps and examples; `docs/reference/cli.md` is generated from it. Each command's code
 * is loaded when it runs, so that `--help` and `ping` are quick.
 */
import { Command, CommanderError, Option } from 'commander'
import { addBuild } from './build/commands.ts'
import { common, examples, offering, severalTimes, wholeNumber } from './command.ts'
import { SHELLS } from './completion.ts'
import type { CliContext, OptionRow, StartFlags } from './context.ts'
import { addLog } from './log/commands.ts'

/** Called with the exit code of the command that ran. */
export type OnExit = (code: number) => void

/** The program. Parsing throws `CommanderError` for what a user mistyped, and whatever the command throws. */
export function createProgram(context: CliContext, onExit: OnExit): Command {
  const program = new Command('pyrsia')
    .description(
      'A decentralized package network: packages from the own store, from peers near by, and from upstream, verified',
    )
    .version(context.version, '-V, --version', 'Print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.out(text), writeErr: (text) => context.err(text) })
    .showHelpAfterError('(see pyrsia --help)')
    .showSuggestionAfterError()
  addStart(program, context, onExit)
  addNode(program, context)
  addConfig(program, context)
  addCache(program, context)
  addOffline(program, context)
  addPolicy(program, context)
  addLog(program, context)
  addBuild(program, context)
  addAudit(program, context)
  addOthers(program, context)
  addDoctor(program, context, onExit)
  addDiff(program, context, onExit)
  addService(program, context)
  return program
}

/** The exit code for what parsing threw: 0 after help and version, 2 for a mistake, undefined if it is another error. */
export function exitCodeOf(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined
  return error.exitCode === 0 ? 0 : 2
}

function addStart(program: Command, context: CliContext, onExit: OnExit): void {
  const start = program
    .command('start')
    .description('Run a node until it is stopped')
    .option('--json', 'Print one JSON line with the endpoints when ready; logs go to stderr')
    .addHelpText(
      'after',
      examples(
        'pyrsia start',
        'pyrsia start --listen /ip4/0.0.0.0/tcp/7900 --disk 50GB',
        'pyrsia start --offline --json',
      ),
    )
  for (const row of context.settings) start.addOption(optionOf(row))
  start.action(async (_options, command: Command) => {
    const flags: Record<string, StartFlags[string]> = {}
    for (const { name, attributeName } of command.options.map((o) => ({
      name: o.name(),
      attributeName: o.attributeName(),
    }))) {
      if (name !== 'json') flags[name] = command.getOptionValue(attributeName)
    }
    onExit(await context.start(flags, command.getOptionValue('json') === true))
  })
}

function optionOf({ name, placeholder, many, help, fallback }: OptionRow): Option {
  const option = new Option(placeholder === '' ? `--${name}` : `--${name} <${placeholder}>`)
  option.description = `${help}${many ? '; may be repeated' : ''}${fallback === '' || placeholder === '' ? '' : ` (default: ${fallback})`}`
  if (many) option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
  return option
}

function addNode(program: Command, context: CliContext): void {
  common(program.command('ping').description('Check that the node is up; print its version and the round trip'))
    .addHelpText('after', examples('pyrsia ping'))
    .action(async (options) => (await import('./ping.ts')).ping(context, options))
  common(program.command('status').description('Show what the node is doing and what does not work'))
    .addHelpText('after', examples('pyrsia status', 'pyrsia status --json'))
    .action(async (options) => (await import('./status.ts')).status(context, options))
  common(program.command('list').description('List the peers with their standing and faults'))
    .addHelpText('after', examples('pyrsia list'))
    .action(async (options) => (await import('./list.ts')).list(context, options))
  common(program.command('why').argument('<purl>', 'Package URL, with or without version'))
    .description('Tell where the bytes of a package came from, who vouched for them and how old that is')
    .addHelpText('after', examples(...context.examplePurls.map((purl) => `pyrsia why ${purl}`)))
    .action(async (purl, options) => (await import('./why.ts')).why(context, purl, options))
}

function addConfig(program: Command, context: CliContext): void {
  const config = common(program.command('config').description("Show or change the node's settings"))
    .option('--show', 'Show the settings in force and where each came from (this is the default)')
    .option('--remove', 'Take back what config edit changed')
    .addHelpText('after', examples('pyrsia config --show', 'pyrsia config edit --port 8000 --diskspace 50GB'))
    .action(async (options) => (await import('./config.ts')).config(context, options))
  common(
    config.command('edit').description('Change settings in the configuration file; in force from the next start on'),
  )
    .option('--host <ADDRESS>', 'Address on which the registries listen')
    .option('--port <PORT>', 'Port of the registries that are mounted below a path')
    .option('--diskspace <SIZE>', 'Disk that the store may use, e.g. 10GB')
    .addHelpText('after', examples('pyrsia config edit --diskspace 50GB'))
    .action(async (_options, command: Command) =>
      (await import('./config.ts')).configEdit(context, command.optsWithGlobals()),
    )
}

function addCache(program: Command, context: CliContext): void {
  const cache = program.command('cache').description('See and keep in order what is stored')
  const load = () => import('./cache.ts')
  common(cache.command('ls').description('List stored blobs'))
    .option('--limit <N>', 'How many, at most 1000', '100')
    .option('--after <DIGEST>', 'Begin after this blob')
    .action(async (options) => (await load()).cacheList(context, options))
  common(cache.command('gc').description('Evict the least recently used blobs'))
    .addOption(
      new Option('--to-bytes <N>', 'Down to so many bytes (default: the low watermark)').argParser(wholeNumber),
    )
    .action(async (options) => (await load()).cacheCollect(context, options))
  common(
    cache
      .command('scrub')
      .argument('[digest]', 'Only this blob')
      .description('Read stored blobs again and repair damaged ones'),
  ).action(async (digest, options) => (await load()).cacheScrub(context, digest, options))
  common(
    cache.command('pin').argument('<name>', 'A digest or a package URL').description('Keep blobs from being evicted'),
  )
    .option('--label <TEXT>', 'Who pins', 'user')
    .addHelpText('after', examples(...context.examplePurls.map((purl) => `pyrsia cache pin ${purl}`)))
    .action(async (name, options) => (await load()).cachePin(context, name, options))
  common(
    cache.command('unpin').argument('<name>', 'A digest or a package URL').description('Let blobs be evicted again'),
  )
    .option('--label <TEXT>', 'Who pinned', 'user')
    .action(async (name, options) => (await load()).cacheUnpin(context, name, options))
  common(
    cache.command('rm').argument('<name>', 'A digest or a package URL').description('Remove blobs from the store'),
  ).action(async (name, options) => (await load()).cacheRemove(context, name, options))
}

function addOffline(program: Command, context: CliContext): void {
  common(program.command('sync').argument('[lockfile...]', 'Lockfiles, or lists of images'))
    .description('Keep everything that lockfiles want, so that they install from this node alone')
    .option('--check', 'Fetch nothing: list what is missing; the exit code is 4 if anything is')
    .option('--remove', 'Let go what is kept for them')
    .option('--list', 'List the lockfiles that are kept')
    .option('--platform <OS/ARCH>', 'For lists whose entries differ by it (default: this machine, linux/…)')
    .addHelpText('after', context.listings.map((line) => `\n${line}\n`).join(''))
    .addHelpText('after', examples('pyrsia sync package-lock.json', 'pyrsia sync --check package-lock.json images.txt'))
    .action(async (paths, options) => (await import('./offline/sync.ts')).sync(context, paths, options))
  common(program.command('export').argument('[lockfile...]', 'Lockfiles that were synced'))
    .description('Write what is kept as one file, for a node without a network')
    .requiredOption('-o, --output <FILE>', 'The bundle to write')
    .addOption(severalTimes('--label <TEXT>', 'What is pinned under this label'))
    .option('--all', 'Everything that is stored')
    .addHelpText(
      'after',
      examples('pyrsia export package-lock.json -o bundle.tar', 'pyrsia export --all -o bundle.tar'),
    )
    .action(async (paths, options) => (await import('./offline/bundle.ts')).exportBundle(context, paths, options))
  common(program.command('import').argument('[bundle]', 'A file that pyrsia export wrote'))
    .description('Take in a bundle: every blob verified, documents only of a signer that is trusted')
    .option('--list', 'List what was imported')
    .option('--remove <LABEL>', 'Let go what an import pinned')
    .addHelpText('after', examples('pyrsia import bundle.tar'))
    .action(async (path, options) => (await import('./offline/bundle.ts')).importBundle(context, path, options))
}

function addPolicy(program: Command, context: CliContext): void {
  const policy = program.command('policy').description('See what this node gives out, and let something through')
  const load = () => import('./policy/policy.ts')
  common(policy.command('show').description('Show rules, exceptions, advisories and released files that changed'))
    .addHelpText('after', examples('pyrsia policy show'))
    .action(async (options) => (await load()).policyShow(context, options))
  common(
    policy.command('reload').description('Have the running node read policy.toml again; a broken one changes nothing'),
  )
    .addHelpText('after', examples('pyrsia policy reload'))
    .action(async (options) => (await load()).policyReload(context, options))
  common(policy.command('check').argument('<purl>', 'Package URL, with or without version'))
    .description('Say whether the policy lets it through; the exit code is 3 if not')
    .addHelpText('after', examples('pyrsia policy check pkg:generic/left-pad@1.3.0'))
    .action(async (purl, options) => (await load()).policyCheck(context, purl, options))
  common(policy.command('allow').argument('<purl>', 'Package URL; without version every release of the package'))
    .description('Let it through for a time, whatever the rules say (break glass); this is recorded')
    .requiredOption('--until <WHEN>', 'A span such as 12h or 2d, or a date such as 2026-12-01; at most 366 days')
    .requiredOption('--reason <TEXT>', 'Why, for whoever reads the record')
    .addHelpText(
      'after',
      examples('pyrsia policy allow pkg:generic/left-pad@1.3.1 --until 2d --reason "fixes the outage"'),
    )
    .action(async (purl, options) => (await load()).policyAllow(context, purl, options))
  const osv = program.command('osv').description('Known vulnerabilities, from an OSV database')
  common(
    osv.command('import').argument('<path...>', 'Zip files as OSV publishes them, JSON records, or folders of them'),
  )
    .description('Replace the advisories that are held; no node need run, and a running one uses them at once')
    .option('--add', 'Keep those that were imported before')
    .addHelpText('after', examples('pyrsia osv import all.zip', 'pyrsia osv import /srv/mirror/osv'))
    .action(async (paths, options) => (await import('./policy/osv.ts')).osvImport(context, paths, options))
  common(osv.command('status').description('Show which advisories are held')).action(async (options) =>
    (await import('./policy/osv.ts')).osvStatus(context, options),
  )
}

function addAudit(program: Command, context: CliContext): void {
  common(
    program
      .command('audit')
      .argument('[lockfile...]', 'Lockfiles; without any, everything that this node has given out'),
  )
    .description(
      'Say what the log of the trust network says of each release: its verdict, its age, what was revoked after it was installed; exit code 8 if anything was withdrawn or is something else, 3 if this node would refuse something',
    )
    .option('--all', 'List every release, also those of which the log says nothing')
    .addHelpText(
      'after',
      examples('pyrsia audit', 'pyrsia audit package-lock.json', 'pyrsia audit requirements.txt --json'),
    )
    .action(async (paths, options) => (await import('./verdicts/audit.ts')).audit(context, paths, options))
}

function addOthers(program: Command, context: CliContext): void {
  const known = context.clients.map(({ name }) => name)
  common(program.command('setup').addArgument(offering('<client...>', 'One or more', known)))
    .description('Point stock clients at this node; shows each change, backs up, and can undo it')
    .option('--undo', 'Restore what was there before')
    .option('--dry-run', 'Show the change without making it')
    .option(
      '--project [DIR]',
      "Change the project's own configuration (default: of the present folder), not the user's",
    )
    .option('--env', 'Change no file: print variables that do the same, for a CI job')
    .addHelpText(
      'after',
      examples(
        ...known.slice(0, 2).map((name) => `pyrsia setup ${name} --dry-run`),
        ...known.slice(0, 1).map((name) => `pyrsia setup ${name} --undo`),
      ),
    )
    .action(async (clients, options) => (await import('./machine/setup.ts')).setup(context, clients, options))
  program
    .command('completion')
    .addArgument(offering('<shell>', '', SHELLS))
    .description('Print a completion script')
    .addHelpText('after', examples('source <(pyrsia completion bash)'))
    .action(async (shell) => context.out((await import('./completion.ts')).completion(program, shell)))
  program
    .command('version')
    .description('Print the version')
    .option('--json', 'Print JSON')
    .action((options) =>
      context.out(options.json ? `${JSON.stringify({ version: context.version })}\n` : `${context.version}\n`),
    )
}

function addDoctor(program: Command, context: CliContext, onExit: OnExit): void {
  common(program.command('doctor').argument('[client...]', 'Only these clients'))
    .description(
      'Find out what is wrong with the node, this machine and its clients, and how to mend it; exit code 1 if anything is',
    )
    .option('--project <DIR>', 'Folder whose own configuration of clients counts (default: the present one)')
    .addHelpText('after', examples('pyrsia doctor', 'pyrsia doctor --json'))
    .action(async (clients, options) =>
      onExit(await (await import('./machine/doctor.ts')).doctor(context, clients, options)),
    )
}

function addDiff(program: Command, context: CliContext, onExit: OnExit): void {
  common(program.command('diff').argument('<a>', 'A file').argument('<b>', 'Another one'))
    .description(
      'Compare two packages by entries and content, read strictly; no node need run. The exit code is 0 if they are equal, 1 if not',
    )
    .option('--as <FORMAT>', 'Read them as zip, tar, layer or bytes (default: as names and first bytes say)')
    .addHelpText(
      'after',
      examples('pyrsia diff built.whl published.whl', 'pyrsia diff --as layer --json a.tar.gz b.tar.gz'),
    )
    .action(async (a, b, options) => onExit(await (await import('./machine/diff.ts')).diff(context, a, b, options)))
}

function addService(program: Command, context: CliContext): void {
  const service = program
    .command('service')
    .description('The node as a systemd service, started whenever a client asks')
  const load = () => import('./machine/systemd.ts')
  const one = (name: 'install' | 'uninstall', description: string): Command =>
    common(service.command(name).description(description))
      .option('--system', 'For all users of this machine (as root), not for the present user')
      .addHelpText('after', examples(`pyrsia service ${name}`))
      .action(async (options) => (await load()).service(context, name, options))
  one('install', 'Write a socket unit for each port and the service behind them, and enable the sockets')
  one('uninstall', 'Stop the service and take its units away; the data stay')
}
