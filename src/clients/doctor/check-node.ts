/** Is the node up, on its ports, with peers and upstream in reach, and is the clock right? A step of `doctor.ts`. */
import type { Finding } from './finding.ts'
import type { NodeFacts, RunningFacts } from './node-facts.ts'
import type { Answered, Senses } from './senses.ts'

/** Clients and registries put up with this much; certificates and signed times do not put up with much more. */
const CLOCK_OFF_MS_MAX = 300_000
/** Upstreams that are asked at once; a node has a handful. */
const UPSTREAMS_MAX = 32

/** What the step found. */
export interface Checked {
  readonly findings: readonly Finding[]
  readonly well: readonly string[]
}

/** Checks the node. */
export async function checkNode(node: NodeFacts, senses: Senses): Promise<Checked> {
  const { running } = node
  if (running === undefined) return await checkAbsent(node, senses)
  const findings: Finding[] = []
  const well = [`The node runs: Pyrsia ${running.version}, with its data in ${node.data}`]
  const { connected, known } = running.peers
  if (connected > 0) well.push(`${connected} of ${known} known peers are connected`)
  else {
    findings.push({
      severity: known > 0 ? 'warning' : 'note',
      check: 'peers.none',
      wanted: 'a connected peer',
      found: known > 0 ? `none of ${known} known peers is connected` : 'no peer is known',
      mend: 'pyrsia start --peer MULTIADDR, with an address that another node prints when it starts',
    })
  }
  if (running.offline) {
    findings.push({
      severity: 'note',
      check: 'upstream.offline',
      wanted: 'an upstream that is asked for what neither store nor peers have',
      found: 'the node was started with --offline',
      mend: 'start it without --offline',
    })
    return { findings, well }
  }
  const answers = await askAll(running, senses)
  findings.push(...upstreamFindings(running, answers, well), ...clockFindings(answers, well))
  return { findings, well }
}

async function checkAbsent(node: NodeFacts, senses: Senses): Promise<Checked> {
  const findings: Finding[] = []
  for (const { setting, host, port } of node.ports) {
    if (port === 0 || !(await senses.listens(host, port))) continue
    findings.push({
      severity: 'error',
      check: 'port.taken',
      wanted: `port ${port} of ${host} free for the node (${setting})`,
      found: 'something else listens there',
      mend: `ss -ltnp 'sport = :${port}' says what does: stop it, or choose another port with pyrsia start ${setting} PORT and set the clients up again`,
    })
  }
  const down: Finding = {
    severity: 'error',
    check: 'node.down',
    wanted: `a node that runs with its data in ${node.data}`,
    found: node.why ?? 'it does not answer',
    mend: 'pyrsia start (or pyrsia service install, so that it is started whenever a client asks)',
  }
  return { findings: [down, ...findings], well: [] }
}

type Asked = ReadonlyArray<{ readonly name: string; readonly url: string; readonly answered: Answered }>

async function askAll({ upstreams }: RunningFacts, senses: Senses): Promise<Asked> {
  const some = upstreams.slice(0, UPSTREAMS_MAX)
  return await Promise.all(some.map(async ({ name, url }) => ({ name, url, answered: await senses.head(url) })))
}

function upstreamFindings({ upstreams }: RunningFacts, answers: Asked, well: string[]): Finding[] {
  return answers.flatMap(({ name, url, answered }) => {
    const state = upstreams.find((upstream) => upstream.name === name)
    const failed = 'error' in answered ? answered.error : undefined
    if (failed === undefined && state?.breaker !== 'open') {
      well.push(`Upstream ${name} answers at ${url}`)
      return []
    }
    const seen = state?.lastError === undefined ? '' : `; the node's own last attempt: ${state.lastError}`
    // What answers here and failed the node lately is on the mend: the node tries again by itself.
    return [
      {
        severity: failed === undefined ? ('warning' as const) : ('error' as const),
        check: 'upstream.dead',
        wanted: `upstream ${name} to answer at ${url}`,
        found:
          failed === undefined
            ? `${name} answers now, but failed the node${seen}`
            : `${name} does not answer: ${failed}${seen}`,
        mend: `check the network and the proxy, or name another with pyrsia start --upstream ${name}=URL; until then what the store and peers have is served`,
      },
    ]
  })
}

/** Every server that is off by as much says that this clock is wrong; one of several says that it is its own. */
function clockFindings(answers: Asked, well: string[]): Finding[] {
  const clocks = answers.flatMap(({ name, answered }) =>
    'error' in answered || answered.dateMs === undefined ? [] : [{ name, offMs: answered.hereMs - answered.dateMs }],
  )
  const off = clocks.filter(({ offMs }) => Math.abs(offMs) > CLOCK_OFF_MS_MAX)
  const agreeing = clocks.length - off.length
  if (off.length === 0) {
    if (clocks.length > 0) well.push('The clock agrees with upstream')
    return []
  }
  return off.map(({ name, offMs }) => {
    const whose =
      agreeing > 0
        ? `the clock of upstream ${name} is wrong: ${agreeing} others agree with this machine's`
        : off.length > 1
          ? `this machine's clock is wrong: ${off.length} upstreams say so`
          : `this machine's clock or that of upstream ${name} is wrong`
    return {
      severity: 'warning' as const,
      check: 'clock.off',
      wanted: `a clock that agrees with upstream ${name} within ${CLOCK_OFF_MS_MAX / 60_000} minutes`,
      found: `this machine is ${span(Math.abs(offMs))} ${offMs > 0 ? 'ahead' : 'behind'}; ${whose}`,
      mend: 'timedatectl set-ntp true (or ask whoever runs that registry)',
    }
  })
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
}
