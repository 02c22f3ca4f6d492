/** The story of the demo: a network begins, packages are asked for, drawn, built and judged; npm installs what holds and is refused the rest. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SubmissionView } from '../../src/http/http.ts'
import { buildTools } from '../../test/kit/build-tools.ts'
import { PYRSIA } from '../../test/kit/node-process.ts'
import { type NpmRegistry, startNpmRegistry } from '../../test/kit/npm-registry.ts'
import { PackageManagerUser } from '../../test/kit/package-manager-user.ts'
import { run } from '../../test/kit/process.ts'
import { type RealNetwork, SOURCE_HOST, startRealNetwork } from '../../test/kit/real-network.ts'
import { publishProject } from '../../test/kit/sample-projects.ts'
import type { Narrator } from './narrator.ts'

/** What the story needs. */
export interface StoryOptions {
  readonly directory: string
  readonly narrator: Narrator
  /** Takes what must be ended. */
  readonly things: AsyncDisposableStack
  /** Ends it. */
  readonly signal: AbortSignal
}

/** How it ended. */
export interface StoryEnd {
  /** What did not come out as it must. */
  readonly wrong: readonly string[]
  /** Commands that a person may try while everything is up. */
  readonly tries: readonly string[]
}

const HONEST = 'friendly'
const EVIL = 'unfriendly'
const ENFORCE = '[[rule]]\nverified = "enforce"\nreason = "this node serves verified packages only"\n'

/** Plays it. */
export async function playStory(options: StoryOptions): Promise<StoryEnd> {
  const { narrator } = options
  const wrong: string[] = []
  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what)
    narrator.detail(holds ? `as it must be: ${what}` : `WRONG: ${what}`)
  }
  const { network, registry } = await begin(options)
  const [honest, evil] = await Promise.all([HONEST, EVIL].map((name) => verdictOn(`${name}@1.0.0`, network, narrator)))
  must(relationOf(honest) === 'rebuilt, equal', `${HONEST}@1.0.0 is what its source makes`)
  must(relationOf(evil) === 'rebuilt, differs', `${EVIL}@1.0.0 is not what its source makes: attack F1`)
  const liar = network.liars[0] ?? ''
  must(![...agreed(honest), ...agreed(evil)].includes(liar), `${liar}, which lies, was in no quorum`)
  await install({ ...options, network, registry, must })
  await prove({ ...options, network, must })
  const { npm = '', api = '' } = network.node().endpoints
  const tries = [
    `npm install ${HONEST}@1.0.0 --registry ${npm}/`,
    `npm install ${EVIL}@1.0.0 --registry ${npm}/`,
    `bin/pyrsia explain pkg:npm/${EVIL}@1.0.0 --data ${network.node().data}`,
    `bin/pyrsia status --data ${network.node().data}`,
    `curl ${api}/api/log/find?purl=pkg:npm/${HONEST}@1.0.0`,
  ]
  return { wrong, tries }
}

/** The network, the registry and what is published in it. */
async function begin({ directory, narrator, things, signal }: StoryOptions) {
  narrator.say(
    'begin',
    'Starting a registry, a git server, and six organisations: an authority and five builders, one of which lies',
  )
  const registry = things.adopt(await startNpmRegistry(buildTools()), (server) => server.close())
  const network = await startRealNetwork({
    directory,
    builders: 5,
    liars: 1,
    type: 'npm',
    upstreams: { npm: registry.url },
    args: ['--fresh', '0s'],
    progress: (name) => narrator.detail(`${name} is there`),
    signal,
  })
  // Whoever stops the demo while it starts has ended the stack already.
  if (signal.aborted) await network[Symbol.asyncDispose]()
  signal.throwIfAborted()
  things.use(network)
  await writeFile(join(network.node().data, 'policy.toml'), ENFORCE)
  await network.node().json('policy', 'reload')
  narrator.say('publish', `Publishing ${HONEST} 1.0.0 and 1.1.0, and ${EVIL} 1.0.0, each with its repository`)
  const places = { git: network.git, host: SOURCE_HOST, registry, folder: join(directory, 'publishers') }
  const files = { 'index.js': "module.exports = () => 'hello'\n", 'README.md': '# A sample\n' }
  await publishProject({ name: HONEST, version: '1.0.0', files }, places)
  await publishProject({ name: HONEST, version: '1.1.0', files }, places)
  const slipped = { 'steal.js': "require('fs').readFileSync(process.env.HOME + '/.npmrc')\n" }
  await publishProject({ name: EVIL, version: '1.0.0', files, onlyPublished: slipped }, places)
  narrator.detail(`the tarball of ${EVIL} has steal.js, which its repository does not have`)
  return { network, registry }
}

/** Asks for a package and tells how it goes. */
async function verdictOn(coordinates: string, network: RealNetwork, narrator: Narrator): Promise<SubmissionView> {
  narrator.say('ask', `pyrsia build npm ${coordinates}`, { coordinates })
  const asked = await network.ask(coordinates)
  let last = ''
  const decided = await network.decided(asked.id, (view) => {
    const { state, panel } = view
    const seats = panel.map((seat) => `${seat.organisation} ${seat.state}`)
    const now = `${state} ${seats}`
    if (now === last || panel.length === 0 || state === 'decided') return
    const isDraw = last === ''
    last = now
    const what = isDraw ? `drawn to build ${coordinates}` : coordinates
    narrator.say(isDraw ? 'draw' : 'build', `${what}: ${seats.join(', ')}`, { coordinates, panel })
  })
  const said = relationOf(decided)
  const by = agreed(decided).join(', ')
  narrator.say('verdict', `${coordinates}: ${said}${by === '' ? '' : `, agreed by ${by}`}`, {
    coordinates,
    verdict: decided.verdict,
  })
  return decided
}

function relationOf(view: SubmissionView | undefined): string {
  const { outcome, relation } = view?.verdict ?? {}
  return [outcome ?? 'none', relation ?? []].flat().join(', ')
}

function agreed(view: SubmissionView | undefined): readonly string[] {
  return view?.verdict?.agreed ?? []
}

interface Chapter extends StoryOptions {
  readonly network: RealNetwork
  must(holds: boolean, what: string): void
}

/** What npm's user gets. */
async function install({
  directory,
  narrator,
  network,
  registry,
  must,
}: Chapter & { readonly registry: NpmRegistry }): Promise<void> {
  const wanted = [
    { coordinates: HONEST, holds: true, why: 'the newest release that is verified is installed' },
    { coordinates: `${HONEST}@1.1.0`, holds: false, why: 'a release without a verdict is refused' },
    { coordinates: EVIL, holds: false, why: 'what differs from its source is refused' },
  ]
  for (const [at, { coordinates, holds, why }] of wanted.entries()) {
    const user = new PackageManagerUser(directory, `user-${at}`, {})
    await user.registry(registry.url).setup(network.node(), 'npm')
    narrator.say('install', `npm install ${coordinates}`, { coordinates })
    const words = ['install', coordinates, '--no-audit', '--no-fund']
    const { code, stdout, stderr } = await run('npm', words, {
      cwd: user.project,
      env: { ...user.env, npm_config_loglevel: 'notice' },
    })
    const reason = stderr.split('\n').find((line) => line.startsWith('npm notice ') || line.startsWith('npm error 403'))
    narrator.detail(code === 0 ? (stdout.trim().split('\n')[0] ?? '') : (reason ?? stderr.slice(0, 300)))
    must((code === 0) === holds, why)
  }
}

/** A proof that holds where there is no node. */
async function prove({ directory, narrator, network, must }: Chapter): Promise<void> {
  const purl = `pkg:npm/${HONEST}@1.0.0`
  const elsewhere = join(directory, 'elsewhere')
  await mkdir(elsewhere)
  const [trust, proof, file] = ['network.json', 'proof.json', `${HONEST}-1.0.0.tgz`].map((name) =>
    join(elsewhere, name),
  )
  if (trust === undefined || proof === undefined || file === undefined) return
  await copyFile(network.trust.file, trust)
  narrator.say('prove', `pyrsia proof ${purl}, then pyrsia verify elsewhere, offline, with network.json alone`)
  await network.node().json('proof', purl, '-o', proof)
  const reply = await fetch(new URL(`/${HONEST}/-/${HONEST}-1.0.0.tgz`, network.node().endpoints.npm))
  const bytes = Buffer.from(await reply.arrayBuffer())
  const check = async (content: Uint8Array): Promise<number> => {
    await writeFile(file, content)
    const trusted = ['--network', trust, '--data', join(elsewhere, 'none')]
    const { code, stdout, stderr } = await run(PYRSIA, ['verify', file, '--proof', proof, '--purl', purl, ...trusted])
    narrator.detail((code === 0 ? stdout : stderr).trim().split('\n')[0] ?? '')
    return code
  }
  must((await check(bytes)) === 0, 'the proof holds')
  must((await check(Buffer.concat([bytes, Buffer.from('!')]))) !== 0, 'it does not hold for a file with a byte more')
}
