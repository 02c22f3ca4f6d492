/**
 * Asks the policy on behalf of the read flow: finds out what it wants to know (the releases of a package and their times, out of
 * the index that is kept or asked for) and remembers its answers for as long as they hold. Used at three places: before anything
 * is asked (`admit`, `forbidden`), at an index (`held`) and at a file (`judge`, and by the log `verify`).
 */
import type { BlobId } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import type { Located, Reason } from '../../base/located.ts'
import { type Purl, packageOf, purlParts } from '../../base/purl.ts'
import { parseReleases, type Release } from '../../base/releases.ts'
import { collect } from '../../base/streams.ts'
import {
  type Ecosystem,
  type HiddenRelease,
  precedenceOf,
  type RelayBody,
  type ResolveContext,
} from '../../ecosystems/ecosystem.ts'
import type { PackageQuestion, ReleaseAnswer, ReleaseAnswers, VerifiedAnswer } from '../../policy/policy.ts'
import { DEFAULT_VERDICT_RULE, judgeVerdict } from '../../policy/verdict.ts'
import type { BlobInfo } from '../../store/store.ts'
import type { Documents } from '../documents/documents.ts'
import type { Variants } from '../documents/variants.ts'
import type { ServeParts } from '../parts.ts'
import { type IndexJudges, type IndexVerdicts, judgeIndex } from './index-verdicts.ts'
import type { PackageVerdicts } from './package-verdicts.ts'
import { type FileVerdict, type Guard, type Held, NOTHING_HELD, type Verified } from './rules.ts'
import { shareOf } from './share-of.ts'
import type { Verdicts } from './verdicts.ts'

/** What a guard is made of, beside the parts. */
export interface GuardDependencies {
  readonly ecosystems: readonly Ecosystem[]
  readonly documents: Documents
  readonly variants: Variants
  readonly context: ResolveContext
  readonly verdicts: Verdicts
  readonly packages: PackageVerdicts
}

const ALLOW: ReleaseAnswer = { kind: 'allow', notes: [] }
/** Indexes whose decisions are remembered, and purls whose packages are. */
const REMEMBERED_MAX = 1_024
/** For how long it is believed that what is kept is kept, milliseconds. */
const KEPT_MS = 10_000
/** Hidden versions that a notice names after the first. */
const NAMED_MAX = 8

interface Decided {
  readonly revision: string
  readonly answers: ReleaseAnswers
}

interface HeldBack {
  /** Of the policy, and of what the log says of the package. */
  readonly revision: string
  readonly validUntilMs: number
  readonly held: Held
}

const NOTHING_JUDGED: IndexVerdicts = { hidden: [], would: 0, lacking: undefined }

/** A guard that remembers nothing yet. */
export function createGuard(parts: ServeParts, dependencies: GuardDependencies): Guard {
  return new PolicyGuard(parts, dependencies)
}

class PolicyGuard implements Guard {
  readonly #parts: ServeParts
  readonly #dependencies: GuardDependencies
  readonly #ecosystems: ReadonlyMap<string, Ecosystem>
  readonly #decided = new Map<string, Decided>()
  readonly #held = new Map<string, HeldBack>()
  readonly #packages = new Map<string, Pick<PackageQuestion, 'ecosystem' | 'purl' | 'name'>>()

  constructor(parts: ServeParts, dependencies: GuardDependencies) {
    this.#parts = parts
    this.#dependencies = dependencies
    this.#ecosystems = new Map(dependencies.ecosystems.map((ecosystem) => [ecosystem.id, ecosystem]))
  }

  admit(ecosystem: Ecosystem, purl: Purl): Reason | undefined {
    const answer = this.#parts.policy.admit(this.#question(ecosystem, purl))
    return answer.kind === 'deny' ? answer.reason : undefined
  }

  forbidden(ecosystem: Ecosystem, purl: Purl, upstream: string): Reason | undefined {
    return this.#parts.policy.mayAsk(this.#question(ecosystem, purl), upstream)
  }

  tellable(ecosystem: Ecosystem, sent: RelayBody, upstream: string): RelayBody {
    if (ecosystem.relayBody === undefined || !this.#parts.policy.keepsNames(ecosystem.id)) return sent
    return ecosystem.relayBody(sent, (purl) => this.forbidden(ecosystem, purl, upstream) === undefined)
  }

  async held(document: StoredDocument, ecosystem: Ecosystem, purl: Purl, signal: AbortSignal): Promise<Held> {
    const { policy } = this.#parts
    const question = this.#question(ecosystem, purl)
    const { body } = document
    if (ecosystem.releases === undefined || body === undefined) return NOTHING_HELD
    const level = policy.verifiedLevel(question)
    const findings = await this.#dependencies.packages.of(question.purl, level === 'enforce', signal)
    const byRules = policy.interest(question).releases
    const byLog = level !== 'prefer' || findings.refuses
    if (!byRules && !byLog) return NOTHING_HELD
    const key = `${body} ${question.purl}`
    const before = this.#held.get(key)
    const revision = byLog ? `${policy.revision} ${findings.revision}` : policy.revision
    if (before?.revision === revision && question.nowMs < before.validUntilMs) return before.held
    const releases = await this.#releases(document, ecosystem, signal)
    const answers = byRules ? this.#ask(ecosystem, question, releases) : undefined
    const compare = precedenceOf(ecosystem)
    const asked = { package: question.purl, level, releases, findings, compare }
    const judged = byLog ? await judgeIndex(asked, this.#judges(ecosystem, question), signal) : NOTHING_JUDGED
    if (judged.lacking !== undefined) {
      this.lacks({ ecosystem: ecosystem.id, purl: judged.lacking, upstream: document.upstream })
    }
    if (judged.would > 0) {
      this.#parts.logger.debug(
        { package: question.name, would: judged.would, hidden: judged.hidden.length },
        'releases of an index that would be left out where verdicts are enforced',
      )
    }
    const held = heldOf(ecosystem, question.name, releases.length, [...deniedIn(answers), ...judged.hidden])
    const untilMs = byLog ? findings.untilSeconds * 1000 : Number.POSITIVE_INFINITY
    // What is kept counts then, and may be let go.
    const keptMs = byLog && findings.stale !== undefined ? question.nowMs + KEPT_MS : Number.POSITIVE_INFINITY
    const validUntilMs = Math.min(answers?.validUntilMs ?? Number.POSITIVE_INFINITY, untilMs, keptMs)
    remember(this.#held, key, { revision, validUntilMs, held })
    return held
  }

  mayHide({ id }: Ecosystem): boolean {
    return this.#parts.policy.hides(id) || this.#parts.policy.enforces(id)
  }

  async judge(located: Parameters<Guard['judge']>[0], signal: AbortSignal): Promise<ReleaseAnswer> {
    const ecosystem = this.#ecosystems.get(located.ecosystem)
    const version = located.purl === undefined ? undefined : purlParts(located.purl).version
    if (ecosystem === undefined || located.purl === undefined) return ALLOW
    if (version === undefined) {
      const reason = this.admit(ecosystem, located.purl)
      return reason === undefined ? ALLOW : { kind: 'deny', reason }
    }
    const question = this.#question(ecosystem, located.purl)
    const interest = this.#parts.policy.interest(question)
    if (!interest.releases) return ALLOW
    const answer = this.#ask(ecosystem, question, [{ version, releasedAtMs: located.releasedAtMs }]).byVersion.get(
      version,
    )
    const timeMissing = interest.times && located.releasedAtMs === undefined && ecosystem.releases?.statesTimes === true
    if (!timeMissing) return answer ?? ALLOW
    const listed = await this.#fromIndex(ecosystem, located.purl, located.upstream, question, signal)
    return listed?.byVersion.get(version) ?? answer ?? ALLOW
  }

  async decide(release: Parameters<Guard['decide']>[0], signal: AbortSignal): Promise<ReleaseAnswer> {
    const judged = await this.judge(release, signal)
    if (judged.kind === 'deny' || purlParts(release.purl).version === undefined) return judged
    const { answer } = await this.verify({ ...release, label: release.purl, digests: [], path: '' }, signal)
    if (answer.kind === 'deny') return answer
    const exception = judged.exception ?? answer.exception
    const notes = [...judged.notes, ...answer.notes]
    return { kind: 'allow', notes, ...(exception === undefined ? {} : { exception }) }
  }

  lacks({ ecosystem: id, purl, upstream, unshared }: Parameters<Guard['lacks']>[0]): void {
    const { lacking, policy } = this.#parts
    const ecosystem = this.#ecosystems.get(id)
    if (lacking === undefined || ecosystem === undefined || purl === undefined) return
    if (purlParts(purl).version === undefined || policy.isPrivate(this.#question(ecosystem, purl))) return
    const share = shareOf({ upstream, ...(unshared === undefined ? {} : { unshared }) }, this.#parts)
    // What the network is asked for stands in its log for ever.
    if (share === 'network' || share === 'world') lacking(purl)
  }

  async verify(located: Parameters<Guard['verify']>[0], signal: AbortSignal): Promise<Verified & FileVerdict> {
    const { policy } = this.#parts
    const { purl } = located
    const ecosystem = this.#ecosystems.get(located.ecosystem)
    // Bytes without a name belong to a file that was judged by its own: they are refused if they are revoked, not for want of a verdict.
    const question = ecosystem === undefined || purl === undefined ? undefined : this.#question(ecosystem, purl)
    const patient = question !== undefined && (located.patient ?? policy.verifiedLevel(question) === 'enforce')
    const { tellsOf } = located
    const file = tellsOf === undefined ? located : { purl, path: tellsOf.name, digests: tellsOf.digests }
    const { finding, stale } = await this.#dependencies.verdicts.of(file, patient, signal)
    const kept = stale !== undefined && located.digests.some((digest) => isPinned(this.#parts.store.lookup(digest)))
    const verdict = { label: labelOf(ecosystem, located), evidence: finding?.evidence, stale, kept }
    const answer: VerifiedAnswer =
      question === undefined
        ? judgeVerdict(verdict, DEFAULT_VERDICT_RULE)
        : policy.judgeVerdict(question, purl, verdict)
    const isOther = tellsOf !== undefined
    if (answer.kind === 'deny' || !answer.binds || finding === undefined || isOther) {
      return { answer, evidence: [], finding, stale }
    }
    const statedBy = finding.evidence.says
    const evidence = finding.pins.map((digest) => ({ kind: 'log', digest, statedBy }) as const)
    return { answer, evidence, finding, stale }
  }

  /** The decisions on the releases that the package's index lists; undefined if it cannot be had. */
  async #fromIndex(
    ecosystem: Ecosystem,
    purl: Purl,
    upstream: string,
    question: PackageQuestion,
    signal: AbortSignal,
  ): Promise<ReleaseAnswers | undefined> {
    const request = ecosystem.releases?.index(purl, upstream, this.#dependencies.context)
    if (request === undefined || this.forbidden(ecosystem, purl, upstream) !== undefined) return undefined
    const asked = await this.#dependencies.documents.ask(request, { ecosystem: ecosystem.id, keptOnly: false, signal })
    if (asked.kind !== 'found' || asked.document.body === undefined) return undefined
    try {
      return await this.#decide(asked.document, asked.document.body, ecosystem, question, signal)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || error.kind === 'bug') throw error
      this.#parts.logger.debug({ purl, why: errorChain(error) }, 'the releases of a package could not be read')
      return undefined
    }
  }

  async #decide(
    document: StoredDocument,
    body: BlobId,
    ecosystem: Ecosystem,
    question: PackageQuestion,
    signal: AbortSignal,
  ): Promise<ReleaseAnswers> {
    const { policy } = this.#parts
    const key = `${body} ${question.purl}`
    const before = this.#decided.get(key)
    if (before?.revision === policy.revision && question.nowMs < before.answers.validUntilMs) return before.answers
    const answers = this.#ask(ecosystem, question, await this.#releases(document, ecosystem, signal))
    remember(this.#decided, key, { revision: policy.revision, answers })
    return answers
  }

  async #releases(document: StoredDocument, ecosystem: Ecosystem, signal: AbortSignal): Promise<Release[]> {
    const view = ecosystem.releases?.view ?? ''
    const { blob } = await this.#dependencies.variants.get(document, ecosystem, view, signal)
    const reader = await this.#parts.store.open(blob.id)
    try {
      return parseReleases(await collect(reader.stream(undefined, signal), this.#parts.limits.viewBytesMax))
    } finally {
      await reader.close()
    }
  }

  #judges(ecosystem: Ecosystem, question: PackageQuestion): IndexJudges {
    const { policy, store, clock } = this.#parts
    return {
      labelOf: (release) => nameOf(ecosystem, release),
      isKept: (file) => isPinned(store.lookup(file)),
      judge: (release, verdict) => policy.judgeVerdict(question, release, verdict),
      clock,
    }
  }

  #ask(ecosystem: Ecosystem, question: PackageQuestion, releases: readonly Release[]): ReleaseAnswers {
    const statesTimes = ecosystem.releases?.statesTimes === true
    return this.#parts.policy.judge({ ...question, releases, statesTimes, compare: precedenceOf(ecosystem) })
  }

  #question(ecosystem: Ecosystem, purl: Purl): PackageQuestion {
    const key = `${ecosystem.id} ${purl}`
    let about = this.#packages.get(key)
    if (about === undefined) {
      const whole = packageOf(purl)
      about = { ecosystem: ecosystem.id, purl: whole, name: nameOf(ecosystem, whole) }
      if (this.#packages.size >= REMEMBERED_MAX) this.#packages.clear()
      this.#packages.set(key, about)
    }
    return { ...about, nowMs: this.#parts.clock.nowMs() }
  }
}

function nameOf(ecosystem: Ecosystem, purl: Purl): string {
  try {
    return ecosystem.coordinates.fromPurl(purl)
  } catch (error) {
    if (error instanceof AppError && error.kind === 'usage') return purlParts(purl).name
    throw error
  }
}

function isPinned(blob: Pick<BlobInfo, 'pins'> | undefined): boolean {
  return blob !== undefined && blob.pins.length > 0
}

function labelOf(ecosystem: Ecosystem | undefined, { purl, label }: Pick<Located, 'purl' | 'label'>): string {
  return ecosystem === undefined || purl === undefined ? label : nameOf(ecosystem, purl)
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  const [oldest] = map.keys()
  map.delete(key)
  if (map.size >= REMEMBERED_MAX && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}

function deniedIn(answers: ReleaseAnswers | undefined): HiddenRelease[] {
  return [...(answers?.byVersion ?? [])].flatMap(([version, answer]) =>
    answer.kind === 'deny' ? [{ version, reason: answer.reason.message }] : [],
  )
}

/** What is said of a release first counts: a rule of the owner before what the log says. */
function heldOf(ecosystem: Ecosystem, name: string, releasesCount: number, denied: readonly HiddenRelease[]): Held {
  const byVersion = new Map<string, HiddenRelease>()
  for (const one of denied) if (!byVersion.has(one.version)) byVersion.set(one.version, one)
  const hidden = [...byVersion.values()].sort((a, b) => ecosystem.compareVersions(b.version, a.version))
  const whole = hidden.filter(({ files }) => files === undefined)
  const [newest, ...others] = whole.length > 0 ? whole : hidden
  if (newest === undefined) return NOTHING_HELD
  const named = others.slice(0, NAMED_MAX).map(({ version }) => version)
  const more = others.length > named.length ? ` and ${others.length - named.length} more` : ''
  const rest = named.length === 0 ? '' : `; also ${named.join(', ')}${more}`
  const notice = `held back by the policy of this node: ${newest.reason}${rest}`
  const message = `every release of ${name} is ${notice}`
  return {
    hidden,
    notice,
    all:
      whole.length === releasesCount && ecosystem.releases?.marksHidden !== true
        ? { code: 'denied', message }
        : undefined,
  }
}
