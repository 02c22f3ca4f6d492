/**
 * The policy of a running node: the owner's rules (read at the start, and again when told to), the exceptions in the store's notebook, and the
 * advisories; and what the API shows and changes of them. Built by `wire.ts`.
 */
import { join, resolve } from 'node:path'
import type { Advisories } from '../../advisories/advisories.ts'
import { openAdvisories } from '../../advisories/sqlite.ts'
import type { Clock, Logger } from '../../base/clock.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { type Advisory, affectedVersions } from '../../base/osv/advisory.ts'
import { type Purl, parsePurl, purlParts } from '../../base/purl.ts'
import { type Ecosystem, precedenceOf } from '../../ecosystems/ecosystem.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import type { OsvQuery, PolicyDoor } from '../../http/api/parts.ts'
import type { PolicyView } from '../../http/http.ts'
import type { Policy, PolicyException } from '../../policy/policy.ts'
import { readRules } from '../../policy/read-rules.ts'
import { createRulePolicy } from '../../policy/rule-policy.ts'
import { NO_RULES, type Rules } from '../../policy/rules.ts'
import type { Serve } from '../../serve/serve.ts'
import type { Notebook } from '../../store/store.ts'
import { readConfigFile } from '../data-directory.ts'
import { advisoriesPath } from './import-osv.ts'

/** The rules of a node and where they stand. */
export interface PolicyFile {
  /** True: the user named the file, so that it must be there. */
  readonly named: boolean
  readonly path: string
  /** False: there is no such file, and no rule. */
  readonly present: boolean
  readonly rules: Rules
}

/** What it works with. */
export interface NodePolicyDependencies {
  readonly notebook: Notebook
  readonly advisories: Advisories
  readonly clock: Clock
  readonly logger: Logger
}

/** The policy file of a node: the one that is named, else `policy.toml` in its data directory. @throws usage.config */
export async function readPolicyFile(named: string | undefined, directory: string): Promise<PolicyFile> {
  const path = resolve(named ?? join(directory, 'policy.toml'))
  const text = await readConfigFile(path)
  if (text === undefined && named !== undefined) {
    throw new AppError('usage.config', `there is no policy file ${path} (--policy)`)
  }
  const ids = ecosystems.map(({ id }) => id)
  const rules = text === undefined ? NO_RULES : readRules(text, path, ids, spell)
  return { named: named !== undefined, path, present: text !== undefined, rules }
}

/** A rule for `Foo_Bar` or `alpine` means what those ecosystems call `foo-bar` and `library/alpine`. */
function spell(id: string, name: string): string {
  return ecosystems.find((each) => each.id === id)?.coordinates.namePattern?.(name) ?? name
}

/** The policy, and the exceptions that can be added to it while the node runs. */
export interface NodePolicy {
  readonly policy: Policy
  /** Reads the file again; where it cannot be read, says so in the log and the view, and keeps the rules from before. @throws usage.config */
  reload(): Promise<void>
  close(): void
  /** What the API offers, once the read flow is there. */
  door(serve: Pick<Serve, 'decide' | 'conflicts'>): PolicyDoor
}

const EXCEPTIONS = 'policy.exceptions'
/** Exceptions that are shown. */
const SHOWN_MAX = 200
/** Exceptions in force at a time. */
const IN_FORCE_MAX = 1_000
const DAY_MS = 86_400_000
/** What never ends is no exception but a rule. */
const DAYS_MAX = 366

/** The policy over this file and the advisories of this data directory. @throws damaged.database */
export function openNodePolicy(
  { policyFile, directory }: { readonly policyFile: PolicyFile; readonly directory: string },
  dependencies: Omit<NodePolicyDependencies, 'advisories'>,
): NodePolicy {
  const { named, path } = policyFile
  const read = () => readPolicyFile(named ? path : undefined, directory)
  return createNodePolicy(policyFile, read, {
    ...dependencies,
    advisories: openAdvisories(advisoriesPath(directory)),
  })
}

/** The policy over this file, which `read` reads again, and these advisories, which it closes. */
export function createNodePolicy(
  first: PolicyFile,
  read: () => Promise<PolicyFile>,
  dependencies: NodePolicyDependencies,
): NodePolicy {
  const { notebook, advisories, clock, logger } = dependencies
  let file = first
  let readAtMs = clock.nowMs()
  let broken: PolicyView['broken']
  let made = 0
  const exceptions = createExceptions(dependencies, () => {
    made++
  })
  const policy = createRulePolicy({
    revision: () => `${made} ${advisories.revision}`,
    rules: () => file.rules,
    exceptions: () => exceptions.inForce(),
    advisories: (purl) => advisories.of(purl),
  })

  async function reload(): Promise<void> {
    try {
      file = await read()
    } catch (error) {
      const why = errorChain(error)
      broken = { reason: why.join(': '), atMs: clock.nowMs() }
      logger.error({ file: file.path, why }, 'the policy file cannot be read: the rules from before stay')
      throw error
    }
    readAtMs = clock.nowMs()
    broken = undefined
    made++
    logger.info({ file: file.path, present: file.present, rules: file.rules.rules.length }, 'the policy was read again')
  }

  const viewFor = (serve: Pick<Serve, 'conflicts'>): PolicyView => ({
    ...viewOf(file, notebook, advisories, serve),
    readAtMs,
    ...(broken === undefined ? {} : { broken }),
  })

  return {
    policy,
    reload,
    close: () => advisories.close(),
    door: (serve) => ({
      view: () => viewFor(serve),
      async reload() {
        await reload()
        return viewFor(serve)
      },
      check: async (text, signal) => {
        const purl = parsePurl(text)
        const answer = await serve.decide(purl, signal)
        const exception = answer.exception === undefined ? {} : { exception: answer.exception }
        return answer.kind === 'deny'
          ? { purl, allowed: false, notes: [answer.reason.message] }
          : { purl, allowed: true, notes: answer.notes, ...exception }
      },
      allow: ({ purl, untilMs, reason }) => exceptions.allow(parsePurl(purl), untilMs, reason),
      vulnerabilities: (query) => vulnerabilities(query, advisories),
    }),
  }
}

/** The exceptions that were recorded; `onMade` is called after each new one. */
function createExceptions(
  { notebook, clock, logger }: Omit<NodePolicyDependencies, 'advisories'>,
  onMade: () => void,
): {
  inForce(): readonly PolicyException[]
  allow(purl: Purl, untilMs: number, reason: string): PolicyException
} {
  let known = notebook
    .entries(EXCEPTIONS)
    .map(([, value]) => value as PolicyException)
    .filter(({ untilMs }) => untilMs > clock.nowMs())

  function allow(purl: Purl, untilMs: number, reason: string): PolicyException {
    const nowMs = clock.nowMs()
    if (!ecosystems.some(({ id }) => id === purlParts(purl).type)) {
      throw new AppError('usage.request', `${purl} is of no ecosystem that this node serves`)
    }
    if (untilMs <= nowMs || untilMs > nowMs + DAYS_MAX * DAY_MS) {
      throw new AppError('usage.request', `an exception must end within ${DAYS_MAX} days: what shall last is a rule`)
    }
    known = known.filter((each) => each.untilMs > nowMs)
    if (known.length >= IN_FORCE_MAX) {
      throw new AppError('exhausted.queue', `${IN_FORCE_MAX} exceptions are in force already: write rules instead`)
    }
    const exception: PolicyException = { purl, reason, madeAtMs: nowMs, untilMs }
    notebook.set(EXCEPTIONS, `${String(nowMs).padStart(15, '0')} ${purl}`, exception)
    known.push(exception)
    onMade()
    logger.warn({ ...exception }, 'an exception from the policy was made')
    return exception
  }

  return { inForce: () => known, allow }
}

function viewOf(
  { path, present, rules }: PolicyFile,
  notebook: Notebook,
  advisories: Advisories,
  serve: Pick<Serve, 'conflicts'>,
): Omit<PolicyView, 'readAtMs' | 'broken'> {
  const exceptions = notebook.entries(EXCEPTIONS).map(([, value]) => value as PolicyException)
  return {
    file: path,
    present,
    default: rules.fallback,
    rules: rules.rules.map(({ title, written }) => ({ title, text: written })),
    exceptions: exceptions.slice(-SHOWN_MAX).reverse(),
    advisories: advisories.state(),
    conflicts: serve.conflicts(),
    remarks: remarksOf(rules, advisories),
  }
}

/** What the rules ask for and cannot get. */
function remarksOf({ rules }: Rules, advisories: Advisories): string[] {
  const remarks: string[] = []
  const timeless = ecosystems.filter(
    ({ id, releases }) =>
      releases?.statesTimes !== true &&
      rules.some((rule) => (rule.ageSecondsMin ?? 0) > 0 && (rule.ecosystem === undefined || rule.ecosystem === id)),
  )
  if (timeless.length > 0) {
    remarks.push(
      `min-age is applied to ${timeless.map(({ id }) => id).join(', ')} only where a file states its time: indexes there do not`,
    )
  }
  const asksForAdvisories = rules.some(({ vulnerable }) => vulnerable === 'block' || vulnerable === 'warn')
  if (asksForAdvisories && advisories.state().records === 0) {
    remarks.push('no advisories were imported, so nothing counts as vulnerable: see pyrsia osv import')
  }
  return remarks
}

/** The records that an OSV query asks for; none for what this node does not know. @throws usage.request */
function vulnerabilities(query: OsvQuery, advisories: Advisories): ReadonlyArray<Readonly<Record<string, unknown>>> {
  const { package: named, version } = query
  const asked = named === undefined ? undefined : packageOf(named)
  if (asked === undefined) return []
  const wanted = version ?? purlParts(asked.purl).version
  const all = advisories.of(asked.purl)
  const found: readonly Advisory[] =
    wanted === undefined ? all : (affectedVersions([wanted], all, precedenceOf(asked.ecosystem)).get(wanted) ?? [])
  const records = [...new Set(found.map(({ id }) => id))].map((id) => advisories.record(id))
  return records.filter((record) => record !== undefined)
}

function packageOf(
  named: NonNullable<OsvQuery['package']>,
): { readonly ecosystem: Ecosystem; readonly purl: Purl } | undefined {
  try {
    const purl = named.purl === undefined ? undefined : parsePurl(named.purl)
    const type = purl === undefined ? undefined : purlParts(purl).type
    const osvName = named.ecosystem?.split(':')[0]
    const ecosystem = ecosystems.find((each) =>
      type === undefined ? each.osvName !== undefined && each.osvName === osvName : each.id === type,
    )
    if (ecosystem === undefined) return undefined
    return { ecosystem, purl: purl ?? ecosystem.coordinates.toPurl(named.name ?? '') }
  } catch (cause) {
    throw new AppError('usage.request', 'wanted a package with its name and ecosystem, or its purl', { cause })
  }
}
