/** The commands on the trust network and the transparency log, for the tree of `program.ts`. */
import { type Command, Option } from 'commander'
import { common, examples, severalTimes, wholeNumber } from '../command.ts'
import type { CliContext } from '../context.ts'

/** Adds what works on the network, its members and its log. */
export function addLog(program: Command, context: CliContext): void {
  addNetwork(program, context)
  addInspect(program, context)
  addProof(program, context)
  addAttest(program, context)
  addExplain(program, context)
  addMembers(program, context)
}

function addMembers(program: Command, context: CliContext): void {
  const load = () => import('./members.ts')
  common(
    program
      .command('members')
      .description('Show who belongs to the network by its log, since when, and what is voted on'),
  )
    .addHelpText('after', examples('pyrsia members', 'pyrsia members --json'))
    .action(async (options) => (await load()).members(context, options))
  common(program.command('authorize').description('Vote for letting a node into the network. For authorities'))
    .option('--offer <FILE>', 'What pyrsia network offer wrote on that node')
    .option('--peer <PEER_ID>', 'The node, if another authority has proposed it already')
    .addHelpText('after', examples('pyrsia authorize --offer epsilon.json', 'pyrsia authorize --peer 12D3KooW...'))
    .action(async (options) => (await load()).authorize(context, options))
  common(program.command('deauthorize').description('Vote for taking an organisation or a node out. For authorities'))
    .requiredOption('--org <NAME>', 'The organisation')
    .option('--node <NODE>', 'Only this node of it: its key as pyrsia members shows it, or its peer id')
    .addHelpText('after', examples('pyrsia deauthorize --org epsilon'))
    .action(async (options) => (await load()).deauthorize(context, options))
}

function addAttest(program: Command, context: CliContext): void {
  const attest = program
    .command('attest')
    .description('What builders signed: SLSA provenance, and summaries of verdicts')
  const load = () => import('./attest.ts')
  const example = loggedExample(context)
  common(attest.command('show').argument('<of>', 'Id of a build, a package URL, or a file: a proof or a DSSE envelope'))
    .description('Show what builders signed about a package; of a file no node is asked, and nothing is verified')
    .option('-o, --output <DIR>', 'Also write each DSSE envelope into this folder, for other tools')
    .addHelpText('after', examples(`pyrsia attest show ${example}`, 'pyrsia attest show proof.json --json'))
    .action(async (of, options) => (await load()).attestShow(context, of, options))
  common(attest.command('verify').argument('<file>', 'A proof that pyrsia proof wrote, or a DSSE envelope'))
    .description('Verify what builders signed, offline, every check listed: exit code 0 for yes, 8 for no')
    .option('--network <FILE>', "The network.json whose builders count (default: the data directory's)")
    .option('--artifact <FILE>', 'A file that must be one of those that it is about')
    .option('--purl <PURL>', 'The package that it must be about')
    .addHelpText(
      'after',
      examples('pyrsia attest verify proof.json --network network.json --artifact left-pad-1.3.0.tgz'),
    )
    .action(async (file, options) => (await load()).attestVerify(context, file, options))
}

function addExplain(program: Command, context: CliContext): void {
  const [example = 'pkg:generic/left-pad@1.3.0'] = context.examplePurls
  common(program.command('explain').argument('<build>', 'Id of a build, or a package URL: its newest build'))
    .description('Tell how a build came about: who could be drawn, who was and why, who told what, what came of it')
    .option('--verify', 'Compute all of it again from the log; exit code 8 names each entry that does not follow')
    .option('--log <DIR>', "Files of a log, in the place of the running node's")
    .option('--network <FILE>', "The network.json whose log it is (default: the data directory's)")
    .addHelpText('after', examples(`pyrsia explain ${example}`, `pyrsia explain ${example} --verify --json`))
    .action(async (wanted, options) => (await import('./explain.ts')).explain(context, wanted, options))
}

function addNetwork(program: Command, context: CliContext): void {
  const network = program.command('network').description('The trust network: whose word this node takes for what')
  const load = () => import('./network.ts')
  const ceremony = () => import('./ceremony.ts')
  common(
    network.command('init').description('Make a network of this node alone, or with --org its part in a shared one'),
  )
    .option('--name <NAME>', 'Name: of this node (default: solo), or of the shared network, e.g. example.org/packages')
    .option('--org <NAME>', 'Found a network with others: write the part of this organisation')
    .addOption(severalTimes('--role <ROLE>', 'authority, builder or witness (default: authority and builder)'))
    .option('--types <LIST>', 'Purl types that it builds, with commas (default: all that this node knows)')
    .addOption(severalTimes('--bootstrap <MULTIADDR>', 'Where others find this node'))
    .option('-o, --output <FILE>', 'The part to write')
    .addHelpText(
      'after',
      examples('pyrsia network init', 'pyrsia network init --org acme --name example.org/packages -o acme.json'),
    )
    .action(async (options) => {
      if (options.org === undefined) await (await load()).networkInit(context, options)
      else await (await ceremony()).networkPart(context, options)
    })
  common(network.command('merge').argument('<part...>', 'Parts that pyrsia network init --org wrote'))
    .description('Found a network out of the parts of its members; all of them then compare its digest')
    .option('--name <NAME>', 'The name on which the founders agreed (default: that of the first part)')
    .option('--beacon <KIND>', 'Randomness: local (of one authority), or drand', 'local')
    .option('--beacon-info <FILE>', 'For drand: what an endpoint says of the chain (its /info)')
    .option('--rules <FILE>', 'Rules that differ from the usual ones, as JSON')
    .addOption(new Option('--days <N>', 'How long the file is valid').default('366').argParser(wholeNumber))
    .requiredOption('-o, --output <FILE>', 'The network.json to write')
    .addHelpText('after', examples('pyrsia network merge acme.json beta.json gamma.json delta.json -o network.json'))
    .action(async (parts, options) => (await ceremony()).networkMerge(context, parts, options))
  common(network.command('join').argument('<file>', 'A network.json'))
    .description('Make this node one of another network; its old network.json is put aside')
    .option('--yes', 'The digest was compared: do it. Without it nothing is changed')
    .addHelpText('after', examples('pyrsia network join network.json', 'pyrsia network join network.json --yes'))
    .action(async (file, options) => (await ceremony()).networkJoin(context, file, options))
  common(
    network
      .command('offer')
      .description('Offer this node to the network that it has joined: a file for its authorities'),
  )
    .requiredOption('--org <NAME>', 'The organisation that it belongs to')
    .addOption(severalTimes('--role <ROLE>', 'authority, builder or witness (default: builder)'))
    .option('--types <LIST>', 'Purl types that it builds, with commas (default: all that this node knows)')
    .requiredOption('-o, --output <FILE>', 'The offer to write')
    .addHelpText('after', examples('pyrsia network offer --org epsilon --role builder -o epsilon.json'))
    .action(async (options) => (await import('./members.ts')).networkOffer(context, options))
  common(network.command('show').argument('[file]', "A network.json; default: the data directory's"))
    .description('Show a network: members with their keys, the quorum, and the digest that people compare')
    .addHelpText('after', examples('pyrsia network show', 'pyrsia network show network.json --json'))
    .action(async (file, options) => (await load()).networkShow(context, file, options))
  common(program.command('keys'))
    .description('Show the public halves of the keys of this node, where they lie, and what is lost with each')
    .addHelpText('after', examples('pyrsia keys', 'pyrsia keys --json'))
    .action(async (options) => (await load()).keys(context, options))
}

function addInspect(program: Command, context: CliContext): void {
  const load = () => import('./inspect.ts')
  const example = loggedExample(context)
  const [, type = '', name = ''] = /^pkg:([^/]+)\/(.*)$/.exec(example) ?? []
  const inspect = listing(
    program
      .command('inspect-log')
      .argument('[ecosystem]', 'Purl type of the package')
      .argument('[coordinates]', 'As its users write them, version included, or a package URL'),
  )
    .description('Show what the transparency log has on a package')
    .option('--latest', 'The newest entry alone')
    .addHelpText(
      'after',
      examples(
        `pyrsia inspect-log ${type} ${name}`,
        `pyrsia inspect-log ${type} ${name} --format csv --fields index,kind,outcome`,
      ),
    )
  inspect.action(async (ecosystem, coordinates, options) => {
    if (ecosystem === undefined || coordinates === undefined) inspect.help({ error: true })
    await (await load()).inspectPackage(context, ecosystem, coordinates, options)
  })
  listing(inspect.command('entries').description('List entries in the order of the log'))
    .addOption(new Option('--from <INDEX>', 'Begin with this entry (default: 0)').argParser(wholeNumber))
    .addOption(new Option('--to <INDEX>', 'End before this entry (default: the end of the log)').argParser(wholeNumber))
    .addHelpText('after', examples('pyrsia inspect-log entries --from 0 --to 10'))
    .action(async (_options, command: Command) => (await load()).inspectEntries(context, command.optsWithGlobals()))
  common(inspect.command('members').description('Show the trust network: its members and their keys'))
    .addHelpText('after', examples('pyrsia inspect-log members'))
    .action(async (_options, command: Command) => (await load()).inspectMembers(context, command.optsWithGlobals()))
  common(inspect.command('checkpoint').description('Show the newest checkpoint, who cosigned it, and how old it is'))
    .addHelpText('after', examples('pyrsia inspect-log checkpoint'))
    .action(async (_options, command: Command) => (await load()).inspectCheckpoint(context, command.optsWithGlobals()))
}

/** A package as the log has it: entries are of one version each. */
function loggedExample({ examplePurls }: CliContext): string {
  const [example = 'pkg:generic/left-pad'] = examplePurls
  return example.includes('@') ? example : `${example}@1.3.0`
}

function listing(command: Command): Command {
  return common(command)
    .option('--format <FORMAT>', 'table, csv or json (default: table)')
    .option('--fields <NAMES>', 'Columns: index, kind, time, purl, summary, or dotted paths into the entry')
}

function addProof(program: Command, context: CliContext): void {
  const load = () => import('./proof.ts')
  const example = loggedExample(context)
  common(program.command('proof').argument('<purl>', 'Package URL, or the index of an entry'))
    .description('Write the proof of what the log says of a package, for pyrsia verify on any machine')
    .requiredOption('-o, --output <FILE>', 'The proof to write')
    .addHelpText('after', examples(`pyrsia proof ${example} -o proof.json`))
    .action(async (purl, options) => (await load()).proof(context, purl, options))
  common(program.command('verify').argument('[file]', 'The artefact; without it, only what the proof says is judged'))
    .description('Verify an artefact by its proof, offline: exit code 0 for yes, 8 for no with the reason')
    .requiredOption('--proof <FILE>', 'A proof that pyrsia proof wrote')
    .option('--purl <PURL>', 'The package that it must be')
    .option('--network <FILE>', "The network.json to trust (default: the data directory's)")
    .option('--latest', 'Refuse a proof that is too old to say "latest" and "not revoked"')
    .addHelpText(
      'after',
      examples(`pyrsia verify artefact.bin --purl ${example} --proof proof.json --network network.json`),
    )
    .action(async (file, options) => (await load()).verify(context, file, options))
  const log = program.command('log').description('The transparency log of this node')
  common(log.command('check'))
    .description('Verify the whole log from its entries: every leaf, tile, root, and the checkpoint; no node need run')
    .addHelpText('after', examples('pyrsia log check'))
    .action(async (options) => (await load()).logCheck(context, options))
}
