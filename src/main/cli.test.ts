import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { explainLog, playExplained } from '../../test/kit/explained-log.ts'
import { testRevocation, testVerdict } from '../../test/kit/log-entries.ts'
import { SAMPLE_CHECKPOINT } from '../../test/kit/sample-log-door.ts'
import { sampleNetwork } from '../../test/kit/sample-network.ts'
import { AppError } from '../base/errors.ts'
import type {
  CliContext,
  DiffReport,
  KeysReport,
  LogCheckReport,
  NetworkReport,
  OsvImport,
  SetupRequest,
  StartFlags,
  VerifyReport,
} from '../cli/context.ts'
import type { AttestationView, AttestReport } from '../cli/log/attest-view.ts'
import type { FoundedReport, JoinReport, PartReport } from '../cli/log/ceremony-door.ts'
import type { ExplainReport } from '../cli/log/explain-view.ts'
import type { MembersReport, VoteReport } from '../cli/log/members-view.ts'
import { optionRows, runCli } from './cli.ts'

const FINDING = {
  severity: 'warning',
  check: 'client.leak',
  client: 'toy',
  wanted: 'toy to ask the node',
  found: 'it also asks others',
  mend: 'unset toy_extra',
  bypass: 'toy --direct',
} as const
const HELD = { records: 3, packages: 2, importedAtMs: 0, source: 'all.zip' }

interface Spoken {
  readonly out: string
  readonly err: string
  readonly code: number
  readonly calls: readonly unknown[]
}

async function run(line: string, replies: Readonly<Record<string, unknown>> = {}): Promise<Spoken> {
  const calls: unknown[] = []
  let out = ''
  let err = ''
  const answer = <T>(call: readonly unknown[]): T => {
    calls.push(call)
    const found = replies[String(call[1])]
    if (found instanceof Error) throw found
    return found as T
  }
  const context: CliContext = {
    version: '1.2.3',
    settings: optionRows(),
    clients: [{ name: 'toy', title: 'Toy' }],
    examplePurls: ['pkg:toy/blocks'],
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    progress() {},
    recipes: async () => answer(['recipes', 'recipes']),
    nowMs: () => 100_000,
    monotonicMs: () => 5,
    sleep: async () => {},
    async connect(data) {
      if (replies.connect instanceof Error) throw replies.connect
      calls.push(['connect', data])
      return {
        url: 'http://127.0.0.1:7889/',
        get: async (path, query) => answer(['GET', path, query]),
        download: async () => assert.fail('nothing is downloaded'),
        upload: async () => assert.fail('nothing is uploaded'),
        change: async (method, path, given) => answer([method, path, given?.body ?? given?.query]),
      }
    },
    async start(flags: StartFlags, json: boolean) {
      calls.push(['start', Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)), json])
      return 0
    },
    diff: async (request) => answer<DiffReport>(['diff', 'diff', request]),
    async osvImport(request: OsvImport) {
      calls.push(['osvImport', request])
      return { taken: 3, passedOver: 1, state: HELD }
    },
    osvState: async () => HELD,
    listings: [],
    listed: async () => undefined,
    doctor: async () => ({ healthy: false, findings: [FINDING], well: ['The node runs'] }),
    service: async ({ action }) => ({ files: [`/units/${action}`], left: ['systemctl daemon-reload'], data: '/data' }),
    networks: {
      async init(request) {
        calls.push(['networkInit', request])
        return answer<NetworkReport>(['init', 'network'])
      },
      show: async (request) => answer<NetworkReport>(['show', 'network', request]),
      keys: async (data) => answer<KeysReport>(['keys', 'keys', data]),
      verify: async (request) => answer<VerifyReport>(['verify', 'verify', request]),
      checkLog: async (data) => answer<LogCheckReport>(['check', 'check', data]),
    },
    ceremony: {
      part: async (request) => answer<PartReport>(['part', 'part', request]),
      merge: async (request) => answer<FoundedReport>(['merge', 'merge', request]),
      join: async (request) => answer<JoinReport>(['join', 'join', request]),
    },
    members: {
      show: async (data) => answer<MembersReport>(['members', 'members', data]),
      vote: async (request) => answer<VoteReport>(['vote', 'vote', request]),
    },
    attestations: {
      read: async (bytes) =>
        answer<readonly AttestationView[]>(['read', 'attestations', Buffer.from(bytes).toString()]),
      verify: async (request) => answer<AttestReport>(['verify', 'attest', request]),
    },
    explain: async (request) => answer<ExplainReport>(['explain', 'explain', request]),
    setupVariables: async () => ({ toy_registry: 'http://127.0.0.1:1/', other: 'a b' }),
    async setup(request: SetupRequest) {
      calls.push(['setup', request])
      return {
        changes: [
          { path: '/etc/toy', diff: '+mirror' },
          { path: '/etc/other', diff: '' },
        ],
        afterwards: ['restart toy'],
        notes: ['a mirror was found'],
      }
    },
  }
  const code = await runCli(context, line === '' ? [] : line.split(' '))
  return { out, err, code, calls }
}

test('pyrsia start hands each flag to the node under the name of its setting', async () => {
  const { code, calls } = await run(
    'start --data /d --port 0 --npm-port 0 --peer /ip4/192.0.2.1/tcp/1 --peer /ip4/192.0.2.2/tcp/1 --upstream docker.io=http://127.0.0.1:5000 --offline --json',
  )
  assert.equal(code, 0)
  assert.deepEqual(calls, [
    [
      'start',
      {
        data: '/d',
        port: '0',
        'npm-port': '0',
        peer: ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'],
        upstream: ['docker.io=http://127.0.0.1:5000'],
        offline: true,
      },
      true,
    ],
  ])
})

test('pyrsia ping prints version and round trip, and JSON when asked', async () => {
  const replies = { '/api/ping': { name: 'pyrsia', version: '9.9', pid: 1 } }
  assert.match((await run('ping', replies)).out, /Pyrsia 9\.9 answers at .* in 0 ms/)
  const { out, calls } = await run('ping --json --data /d', replies)
  assert.deepEqual(JSON.parse(out), {
    name: 'pyrsia',
    version: '9.9',
    pid: 1,
    url: 'http://127.0.0.1:7889/',
    roundTripMs: 0,
  })
  assert.deepEqual(calls[0], ['connect', '/d'])
})

test('pyrsia ends with the exit code of the kind of error and prints the chain of causes', async () => {
  const away = new AppError('unavailable.node', 'no node answers', { cause: new Error('refused') })
  const { code, err, out } = await run('ping', { connect: away })
  assert.deepEqual([code, out], [7, ''])
  assert.equal(err, 'pyrsia: no node answers [unavailable.node]\n  because: refused\n')
  assert.equal((await run('why pkg:generic/a', { '/api/why': new AppError('absent.blob', 'nothing') })).code, 4)
  assert.equal((await run('ping', { '/api/ping': new TypeError('oops') })).code, 70)
})

test('pyrsia ends with 2 for a mistake on the command line and 0 for help', async () => {
  for (const line of [
    'pong',
    'ping --jsn',
    'why',
    'start --port',
    'config edit',
    'completion csh',
    'cache gc --to-bytes x',
  ]) {
    assert.equal((await run(line)).code, 2, line)
  }
  assert.match((await run('pong')).err, /Did you mean ping/)
  for (const line of ['--help', 'start --help', 'cache --help', '--version']) {
    assert.equal((await run(line)).code, 0, line)
  }
})

test('every command that does something shows examples or options in its help', async () => {
  for (const line of ['start', 'ping', 'status', 'list', 'why', 'config', 'setup', 'completion']) {
    assert.match((await run(`${line} --help`)).out, /Examples:\n {2}\S/, line)
  }
  assert.match((await run('why --help')).out, /pyrsia why pkg:toy\/blocks\n/)
  assert.match((await run('start --help')).out, /--npm-port <PORT>[\s\S]*default:\s+4873/)
})

test('pyrsia list names a peer that lied, and what about', async () => {
  const peer = {
    peerId: 'liar',
    trust: 'stranger',
    connected: false,
    addresses: [],
    sameSubnet: false,
    receivedBytes: 0,
    sentBytes: 0,
    standing: 'dropped',
    faults: [{ kind: 'bad-piece', about: 'sha256:ab\u001b[2J', atMs: 90_000 }],
  }
  const { out } = await run('list', { '/api/peers': { peers: [peer] } })
  assert.match(out, /^liar +dropped/m)
  assert.match(out, /! liar sent a piece with wrong bytes: sha256:ab.\[2J \(10 s ago\)/)
  assert(!out.includes('\u001b'))
})

test('pyrsia config edit sends numbers as numbers, and the options of either level', async () => {
  const replies = { '/api/config': { file: '/d/config.toml', restart: true } }
  const { calls, out } = await run('config edit --port 8000 --diskspace 5GB --data /d --json', replies)
  assert.deepEqual(calls, [
    ['connect', '/d'],
    ['PUT', '/api/config', { host: undefined, port: 8000, diskspace: '5GB' }],
  ])
  assert.deepEqual(JSON.parse(out), { file: '/d/config.toml', restart: true })
  assert.deepEqual((await run('config --remove', replies)).calls[1], ['DELETE', '/api/config', undefined])
})

test('pyrsia cache speaks to the API as it describes itself', async () => {
  const ids = { ids: ['sha256:ab'] }
  const pin = { name: 'pkg:generic/a', label: 'user' }
  const replies = { '/api/cache/pin': ids, '/api/cache/gc': { removedBlobs: 1, removedBytes: 2000, keptBytes: 3 } }
  assert.deepEqual((await run('cache pin pkg:generic/a', replies)).calls[1], ['POST', '/api/cache/pin', pin])
  assert.deepEqual((await run('cache unpin pkg:generic/a', replies)).calls[1], ['DELETE', '/api/cache/pin', pin])
  const { calls, out } = await run('cache gc --to-bytes 5', replies)
  assert.deepEqual(calls[1], ['POST', '/api/cache/gc', { toBytes: 5 }])
  assert.equal(out, 'Removed 1 blobs, 2.00 kB; 3 B are kept\n')
})

test('pyrsia osv imports what it is told and says what is held', async () => {
  const { calls, out } = await run('osv import all.zip mirror --add')
  assert.deepEqual(calls, [['osvImport', { paths: ['all.zip', 'mirror'], add: true, data: undefined }]])
  assert.match(
    out,
    /^Took 3 advisories and passed over 1 .*\n3 advisories for 2 packages are held, imported .* from all.zip\n$/,
  )
  assert.equal((await run('osv status --json')).out, `${JSON.stringify(HELD)}\n`)
})

test('pyrsia setup shows each change and what to do next', async () => {
  const { calls, out } = await run('setup toy --dry-run')
  assert.deepEqual(calls, [
    ['setup', { clients: ['toy'], project: undefined, undo: false, dryRun: true, data: undefined }],
  ])
  assert.equal(out, 'Would change /etc/toy\n+mirror\nNote: a mirror was found\nNext: restart toy\n')
})

test('pyrsia completion knows every command of the tree', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out } = await run(`completion ${shell}`)
    for (const word of ['start', 'scrub', 'edit', 'npm-port', 'toy', 'zsh'])
      assert(out.includes(word), `${shell}: ${word}`)
  }
})

test('pyrsia doctor shows what is wrong, its mend and the way past the node, and exits with 1', async () => {
  const { out, code } = await run('doctor')
  assert.equal(code, 1)
  assert.match(out, /✓ The node runs\n! toy: it also asks others \[client\.leak\]\n/)
  assert.match(out, /mend: {3}unset toy_extra\n {4}meanwhile, past the node: toy --direct\n1 thing is wrong\./)
})

test('pyrsia setup --env prints export lines that a shell reads, and nothing can be undone with it', async () => {
  assert.equal((await run('setup toy --env')).out, "export toy_registry=http://127.0.0.1:1/\nexport other='a b'\n")
  const { err, code } = await run('setup toy --env --undo')
  assert.equal(code, 2)
  assert.match(err, /--env changes nothing/)
})

test('pyrsia service says which files it wrote, where the data are, and what is left to do', async () => {
  const { out } = await run('service install')
  assert.match(out, /^Wrote \/units\/install\nNext: systemctl daemon-reload\nThe node is started .*\/data\n/)
  assert.match((await run('service uninstall')).out, /^Removed \/units\/uninstall\n.*\nThe data in \/data stay\.\n/)
})

test('pyrsia network shows what is trusted, how long, and that a solo network is worth one voice', async () => {
  const network = sampleNetwork({ authorities: 1, created: 10, expires: 90 })
  const report = { file: '/d/network.json', network, digest: 'sha256:ab', solo: true, notes: ['a key is lost'] }
  const { out, code, calls } = await run('network show --data /d', { network: report })
  assert.equal(code, 0)
  assert.deepEqual(calls[0], ['show', 'network', { file: undefined, data: '/d' }])
  assert.match(out, /Digest +sha256:ab\n/)
  assert.match(out, /built once, by you/)
  assert.match(out, /no longer: it expired 10 s ago, on 1970-01-01/)
  assert.match(out, /org-0: authority, builder\n {2}log +local\/sample\+/)
  assert.match(out, /! a key is lost\n/)
  const many = { ...report, network: sampleNetwork({ authorities: 4 }), solo: false }
  assert.match((await run('network show other.json', { network: many })).out, /3 of 4 authorities/)
  const made = await run('network init --name acme --json', { network: report })
  assert.deepEqual(made.calls[0], ['networkInit', { name: 'acme', data: undefined }])
  assert.equal(JSON.parse(made.out).digest, 'sha256:ab')
})

test('pyrsia network init --org hands on what the part says, and wants a name and a file', async () => {
  const part = {
    file: '/d/a.json',
    network: 'n.example/x',
    organisation: 'a',
    roles: ['builder'],
    types: ['toy'],
    peer: 'p',
  }
  const words = '--role builder --types toy,other --name n.example/x -o a.json'
  const { out, calls } = await run(`network init --org a ${words}`, { part })
  assert.match(out, /a: builder\nBuilds {5}toy\n/)
  const wanted = { organisation: 'a', network: 'n.example/x', roles: ['builder'], types: ['toy', 'other'] }
  assert.partialDeepStrictEqual(calls, [['part', 'part', { ...wanted, output: 'a.json' }]])
  const nameless = await run('network init --org a -o a.json')
  assert.deepEqual([nameless.code, /--name/.test(nameless.err)], [2, true])
  const fileless = await run('network init --org a --name n.example/x')
  assert.deepEqual([fileless.code, /-o FILE/.test(fileless.err)], [2, true])
})

test('pyrsia network merge says what to compare, and network join changes nothing without --yes', async () => {
  const network = sampleNetwork({ authorities: 4 })
  const merge = { file: '/d/n.json', network, digest: 'sha256:ab', solo: false, notes: ['few build'] }
  const merged = await run('network merge a.json b.json --days 9 -o n.json', { merge })
  assert.match(merged.out, /all compare this digest\n.*sha256:ab\n$/)
  assert.partialDeepStrictEqual(merged.calls, [['merge', 'merge', { parts: ['a.json', 'b.json'], days: 9 }]])
  const join = {
    file: '/d/network.json',
    network,
    digest: 'sha256:ab',
    organisation: 'org-1',
    aside: '/d/old',
    running: true,
  }
  const asked = await run('network join n.json', { join: { ...join, joined: false } })
  assert.equal(asked.code, 2)
  assert.match(asked.out, /would believe what 3 of 4 authorities sign/)
  assert.match(asked.err, /nothing was changed/)
  const done = await run('network join n.json --yes', { join: { ...join, joined: true } })
  assert.equal(done.code, 0)
  assert.match(done.out, /a node of org-1\n/)
  assert.match(done.out, /kept as \/d\/old/)
  assert.match(done.out, /started anew/)
})

test('pyrsia explain tells each step, and with --verify says no with each entry that does not follow', async () => {
  const { entries, ...found } = await explainLog(playExplained().network.entries)
  const explain = { ...found, source: '/d/log', entries: entries.map((each) => ({ ...each, entry: each.entry })) }
  const { out, code } = await run('explain pkg:toy/cool@1.0.0', { explain })
  assert.equal(code, 0)
  assert.match(out, /Members when it was asked for: 9 organisations\n {2}a: authority, builder; builds toy; 1 node\n/)
  for (const step of [
    /drawn +\w+ \(rank 1\), node/,
    /standby +\w+ \(rank 6\)/,
    /not drawn +\w+ \(rank 7\): ranked-below/,
  ]) {
    assert.match(out, step)
  }
  assert.match(out, /fault of \w+: missed-commit\n/)
  assert.match(out, /verdict: rebuilt, upstream equal \(exact\)\n +alike: .*; 4 of 5 had to be\n$/)
  assert.match(
    (await run('explain pkg:toy/cool@1.0.0 --verify', { explain })).out,
    /\nYes: \d+ entries and the 9 members/,
  )
  const problems = [{ index: 7, kind: 'verdict', field: 'outcome', problem: 'wanted "a", found "b"' }]
  const no = await run('explain pkg:toy/cool@1.0.0 --verify --json', { explain: { ...explain, problems } })
  assert.deepEqual([no.code, JSON.parse(no.out).verified], [8, false])
  assert.match(no.err, /1 thing does not follow from the log: entry 7 \(verdict\), outcome: .* \[untrusted\.entry\]/)
})

test('pyrsia members shows who belongs since when and what is voted on; authorize and deauthorize vote', async () => {
  const node = { node: 'ab', peer: 'p1', roles: ['builder'], types: ['toy'], sinceSize: 2 }
  const pending = {
    id: 'cd'.repeat(32),
    action: 'admit',
    organisation: 'b',
    peer: 'p2',
    index: 9,
    votes: ['a'],
    decided: false,
  }
  const members = {
    network: 'n.example/x',
    size: 10,
    quorum: { k: 3, of: 4 },
    organisations: [{ organisation: 'a', sinceSize: 2, nodes: [node] }],
    pending: [pending, { ...pending, decided: true }],
  }
  const { out } = await run('members', { members })
  assert.match(out, /a: a member for trees of 2 entries and more\n {2}ab, peer p1: builder; builds toy; since 2\n/)
  assert.match(out, /admit b, p2: 1 of 3; by a \(cdcdcdcdcdcdcdcd\)\n.*: decided, in force some blocks later/)
  const vote = {
    action: 'admit',
    organisation: 'b',
    change: 'cd',
    proposed: true,
    votes: ['a'],
    quorum: members.quorum,
    entries: [9],
  }
  const admitted = await run('authorize --offer b.json', { vote })
  assert.match(admitted.out, /Proposed letting in a node of b: 1 of 3 votes, of 4 authorities\. 2 more must vote/)
  assert.partialDeepStrictEqual(admitted.calls, [['vote', 'vote', { action: 'admit', offer: 'b.json' }]])
  const decided = { ...vote, action: 'remove', proposed: false, votes: ['a', 'c', 'd'] }
  const removed = await run('deauthorize --org b --node p2', { vote: decided })
  assert.match(removed.out, /Voted for taking out b: 3 of 3 votes, of 4 authorities\. That decides it/)
  assert.partialDeepStrictEqual(removed.calls, [['vote', 'vote', { action: 'remove', organisation: 'b', node: 'p2' }]])
  const part = {
    file: '/d/b.json',
    network: 'n.example/x',
    organisation: 'b',
    roles: ['builder'],
    types: [],
    peer: 'p2',
  }
  const offered = await run('network offer --org b -o b.json', { part })
  assert.partialDeepStrictEqual(offered.calls, [
    ['part', 'part', { organisation: 'b', roles: ['builder'], output: 'b.json' }],
  ])
})

test('pyrsia keys shows public halves, files, and what is lost with each', async () => {
  const key = { role: 'log', file: '/d/keys/log.key', does: 'signs', lost: 'the end', copied: 'a fork' }
  const report = {
    keys: [
      { ...key, publicKey: 'AAAA', text: 'local/a+01+AAAA' },
      { ...key, role: 'cosigner' },
    ],
  }
  const { out } = await run('keys', { keys: report })
  assert.match(out, /log: signs\n {2}file +\/d\/keys\/log\.key\n {2}public +local\/a\+01\+AAAA\n {2}if lost +the end\n/)
  assert.match(out, /cosigner: signs\n {2}file .*\(not there\)/)
})

const VERDICT = testVerdict({ purl: 'pkg:toy/a@1', files: [{ name: 'a', bytes: Buffer.from('a') }] })
const ENTRIES = {
  origin: 'log.example',
  size: 2,
  entries: [
    { index: 1, entry: testRevocation('pkg:toy/a@1', [], '=1+1, "odd"') },
    { index: 0, entry: VERDICT },
  ],
}

test('pyrsia inspect-log shows what the log has on a package, as a table, CSV or JSON', async () => {
  const { out, calls } = await run('inspect-log toy a@1 --latest', { '/api/log/find': ENTRIES })
  assert.deepEqual(calls[1], ['GET', '/api/log/find', { ecosystem: 'toy', coordinates: 'a@1', latest: 'true' }])
  assert.match(out, /^index +kind +time +purl +summary\n1 +revocation +\S+ +pkg:toy\/a@1 +revoked: TEST ENTRY/)
  const csv = await run('inspect-log toy a@1 --format csv --fields index,reason,panel.0.organisation,missing', {
    '/api/log/find': ENTRIES,
  })
  assert.equal(csv.out, 'index,reason,panel.0.organisation,missing\n1,"TEST ENTRY: =1+1, ""odd""",,\n0,,a,\n')
  const picked = await run('inspect-log toy a@1 --json --fields index,outcome', { '/api/log/find': ENTRIES })
  assert.deepEqual(JSON.parse(picked.out), [
    { index: '1', outcome: '' },
    { index: '0', outcome: 'rebuilt' },
  ])
  const nothing = await run('inspect-log toy a@1', { '/api/log/find': { ...ENTRIES, entries: [] } })
  assert.deepEqual([nothing.code, nothing.err.includes('absent.entry')], [4, true])
  for (const line of [
    'inspect-log toy a@1 --format xml',
    'inspect-log toy a@1 --fields index,,kind',
    'inspect-log toy',
  ]) {
    assert.equal((await run(line, { '/api/log/find': ENTRIES })).code, 2, line)
  }
})

test('pyrsia inspect-log entries asks for a page after the other', async () => {
  const { calls } = await run('inspect-log entries --from 5 --to 1500', {
    '/api/log/entries': { ...ENTRIES, size: 9_000 },
  })
  assert.deepEqual(calls.slice(1), [
    ['GET', '/api/log/entries', { from: '5', to: '1005' }],
    ['GET', '/api/log/entries', { from: '1005', to: '1500' }],
  ])
  assert.equal((await run('inspect-log entries --from x')).code, 2)
})

test('pyrsia inspect-log shows the checkpoint with its age and the members', async () => {
  const checkpoint = {
    ...SAMPLE_CHECKPOINT,
    note: 'local/sample\n3\n',
    cosignatures: [{ name: 'local/sample/cosigner', timeSeconds: 40 }],
    timeSeconds: 40,
    stale: 'it is too old',
  }
  const { out } = await run('inspect-log checkpoint', { '/api/log/checkpoint': checkpoint })
  assert.match(out, /Cosigned +by local\/sample\/cosigner 60 s ago\n.*60 s ago, by the median.*\n! it is too old\n/)
  assert.match(out, /\nlocal\/sample\n3\n/)
  const network = sampleNetwork({ authorities: 4 })
  const members = await run('inspect-log members', { '/api/log/members': { network, digest: 'sha256:ab' } })
  assert.match(members.out, /3 of 4 authorities[\s\S]*org-3: authority, builder/)
})

const YES = {
  origin: 'log.example',
  solo: false,
  size: 9,
  timeSeconds: 40,
  cosigners: [{ organisation: 'a', timeSeconds: 40 }],
  quorum: { k: 3, of: 4 },
  entries: [{ index: 4, entry: VERDICT }],
  subject: { purl: 'pkg:toy/a@1', index: 4, says: 'entry 4' },
  digests: ['sha256:ab'],
  builders: undefined,
  remarks: ['as of then'],
}

test('pyrsia verify prints a yes with what it rests on, and ends with 8 and the reason for a no', async () => {
  const line = 'verify a.bin --purl pkg:toy/a@1 --proof p.json --network n.json --latest'
  const { out, code, calls } = await run(line, { verify: YES })
  assert.equal(code, 0)
  const request = {
    file: 'a.bin',
    proof: 'p.json',
    purl: 'pkg:toy/a@1',
    network: 'n.json',
    latest: true,
    data: undefined,
  }
  assert.deepEqual(calls, [['verify', 'verify', request]])
  assert.match(out, /^Yes: pkg:toy\/a@1\n {2}bytes +sha256:ab\n {2}verdict +entry 4\n/)
  assert.match(out, /as of +60 s ago \(3 of 4 had to cosign\)\n! as of then\n$/)
  const summarised = await run(line, { verify: { ...YES, summarisedBy: ['acme', 'beta'] } })
  assert.match(summarised.out, /summary +SLSA_BUILD_REPRODUCED, signed by acme, beta\n/)
  const no = await run(line, { verify: new AppError('untrusted.revoked', 'it was revoked') })
  assert.deepEqual([no.code, no.out, no.err], [8, '', 'pyrsia: it was revoked [untrusted.revoked]\n'])
  const bare = await run('verify --proof p.json', { verify: { ...YES, subject: undefined, digests: [] } })
  assert.match(bare.out, /^Yes: the log holds these entries\n! no artefact was compared/)
  assert.equal((await run('verify a.bin')).code, 2)
})

test('pyrsia log check says that a log is sound, or lists what is wrong', async () => {
  const report = { directory: '/d/log/x', origin: 'local/a', size: 2, entries: 2, problems: [] }
  assert.match((await run('log check', { check: report })).out, /The log local\/a in \/d\/log\/x is sound: 2 of 2/)
  const problems = [{ path: 'tile/0/000', problem: 'has another hash' }]
  const bad = await run('log check', { check: { ...report, problems } })
  assert.equal(bad.code, 9)
  assert.match(bad.out, /! tile\/0\/000: has another hash/)
})

const ATTESTED: AttestationView = {
  name: 'ab'.repeat(32),
  kind: 'built',
  purl: 'pkg:toy/blocks@1.0',
  network: 'log.example/toy',
  organisation: 'acme',
  keyIds: ['cd'.repeat(32)],
  statement: {
    predicateType: 'https://slsa.dev/provenance/v1',
    subject: [{ name: 'blocks.toy', digest: { sha256: 'ef' } }],
    predicate: {
      buildDefinition: {
        resolvedDependencies: [
          { name: 'source', uri: 'git+https://git.example/x', digest: { gitCommit: 'aa' } },
          { name: 'part.toy', uri: 'pkg:toy/part@1', digest: { sha256: 'bb' } },
        ],
      },
      runDetails: {
        builder: { version: { sandbox: 'none', toolchains: 'toymake 1' } },
        metadata: { startedOn: 'then', finishedOn: 'later' },
      },
    },
  },
  envelope: { payload: '' },
}

test('pyrsia attest show asks the node for a package or a build, reads a file itself, and shows what went in', async (t) => {
  const replies = {
    '/api/log/proof': { proof: 'a proof' },
    '/api/builds/status': { purl: 'pkg:toy/blocks@1.0' },
    attestations: [ATTESTED],
  }
  const { out, calls } = await run('attest show pkg:toy/blocks@1.0', replies)
  assert.match(out, /pkg:toy\/blocks@1.0: built, by acme/)
  assert.match(out, /source +git\+https:\/\/git.example\/x gitCommit:aa\n.*inputs +1 files of the registry/s)
  assert.match(out, /sandbox +none; toymake 1\n.*built +then to later/s)
  assert.deepEqual(calls.at(-1), ['read', 'attestations', 'a proof'])
  const byId = await run('attest show 1f0c9a7e53b2d846 --json', replies)
  assert.deepEqual(JSON.parse(byId.out), [ATTESTED])
  assert.deepEqual(byId.calls[1], ['GET', '/api/builds/status', { id: '1f0c9a7e53b2d846' }])
  const folder = await mkdtemp(join(tmpdir(), 'pyrsia-attest-'))
  t.after(() => rm(folder, { recursive: true }))
  const written = await run(`attest show pkg:toy/blocks@1.0 -o ${folder}`, replies)
  assert.equal(await readFile(join(folder, 'built-acme.dsse.json'), 'utf8'), '{"payload":""}')
  assert.match(written.out, /written .*built-acme.dsse.json/)
  const none = await run('attest show pkg:toy/blocks@1.0', { ...replies, attestations: [] })
  assert.deepEqual([none.code, none.err.includes('absent.entry')], [4, true])
  assert.equal((await run('attest show no-such-file.json')).code, 2)
})

test('pyrsia attest verify lists every check, and ends with 8 at the first that does not hold', async () => {
  const checks = [
    { name: 'log', holds: true, found: 'cosigned' },
    { name: 'statement of acme', holds: undefined, found: 'not reached' },
  ]
  const report: AttestReport = { kind: 'proof', checks, failure: undefined, remarks: ['no artefact was compared'] }
  const yes = await run('attest verify proof.json --network network.json --artifact blocks.toy', { attest: report })
  assert.equal(yes.code, 0)
  assert.match(
    yes.out,
    /yes +log +cosigned\n- +statement of acme +not reached\nAll checks hold\n! no artefact was compared\n/,
  )
  const asked = {
    file: 'proof.json',
    network: 'network.json',
    artifact: 'blocks.toy',
    purl: undefined,
    data: undefined,
  }
  assert.deepEqual(yes.calls, [['verify', 'attest', asked]])
  const failure = new AppError('untrusted.attestation', 'it says something else')
  const no = await run('attest verify proof.json --json', { attest: { ...report, failure } })
  assert.equal(no.code, 8)
  assert.deepEqual(JSON.parse(no.out).failure, { code: 'untrusted.attestation', message: 'it says something else' })
  assert.match(no.err, /it says something else \[untrusted.attestation\]/)
})
