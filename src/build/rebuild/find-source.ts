/**
 * The source of a release: candidates in their order, each checked out into a job of its own, until one is this release's. What nobody
 * can read in public is no source. 2-trust.md, "Sandbox"; the attacks C1 to C4.
 */
import { basename } from 'node:path/posix'
import { hexOf } from '../../base/digest.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Source } from '../../base/entries/result.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import type { ReleaseFacts, SourceCandidate } from '../../base/rebuild/build-plan.ts'
import type { Rebuild } from '../../ecosystems/ecosystem.ts'
import type { SandboxJob } from '../../sandbox/sandbox.ts'
import type { SourceTree } from '../../sources/sources.ts'
import { drive } from './answer.ts'
import { readBlob } from './keep-files.ts'
import type { Asked, RebuildParts, RecordedRegistry } from './parts.ts'

/** A source in a job, confirmed to be the release's. */
export interface FoundSource {
  readonly kind: 'found'
  readonly job: SandboxJob
  readonly candidate: SourceCandidate
  readonly source: Source
  /** Digest of what lies in `source/`. */
  readonly tree: Hex32
  /** The revision that was taken; empty for an archive. */
  readonly revision: string
  /** Submodules and large-file pointers that were left as they are. */
  readonly left: readonly string[]
  readonly directory: string
  readonly licence: string | undefined
}

/** How looking for a source ends. */
export type SourceSearch = FoundSource | { readonly kind: 'nowhere'; readonly reason: string }

/** What looking for a source needs. */
export interface SourceAsk {
  readonly asked: Asked
  readonly rebuild: Rebuild
  readonly registry: RecordedRegistry
  readonly facts: ReleaseFacts
  readonly sourceDateSeconds: number
}

const ARCHIVE_BYTES_MAX = 512 * 1_048_576
const CANDIDATES_MAX = 8
const TRIES_MAX = 3
const PAUSE_MS = 3_000
/** How a tar of one folder is laid out in `source/`: contained, and without rights of its own. */
const UNPACK = ['--no-same-owner', '--no-same-permissions', '--strip-components=1'] as const

/** The first candidate that holds; the caller disposes of its job. @throws unavailable.sandbox, unavailable.upstream, aborted.caller */
export async function findSource(ask: SourceAsk, parts: RebuildParts, signal: AbortSignal): Promise<SourceSearch> {
  const refusals: string[] = []
  for (const candidate of ask.facts.candidates.slice(0, CANDIDATES_MAX)) {
    const name = nameOf(candidate)
    parts.progress(ask.asked.purl, { kind: 'source', from: name })
    const { registry } = ask
    const { sourceDateSeconds } = ask
    await using stack = new AsyncDisposableStack()
    const job = stack.use(
      await parts.sandbox.job({
        limits: parts.limits,
        sourceDateSeconds,
        registry: (request, within) => registry.answer(request, within),
      }),
    )
    const found = await attempt(candidate, job, ask, parts, signal)
    if (typeof found !== 'string') {
      stack.move()
      return found
    }
    parts.logger.info({ purl: ask.asked.purl, from: name, why: found }, 'a source was refused')
    refusals.push(`${name}: ${found}`)
  }
  const none = 'the registry names no public source for it'
  return { kind: 'nowhere', reason: refusals.length === 0 ? none : `no source can be used: ${refusals.join('; ')}` }
}

async function attempt(
  candidate: SourceCandidate,
  job: SandboxJob,
  ask: SourceAsk,
  parts: RebuildParts,
  signal: AbortSignal,
): Promise<FoundSource | string> {
  const placed =
    candidate.type === 'git'
      ? await checkedOut(candidate, job, parts, signal)
      : await unpacked(candidate, job, ask, parts, signal)
  if (typeof placed === 'string') return placed
  const { registry, rebuild, asked } = ask
  const onStep = (): void => {}
  const confirmed = await drive(
    rebuild.confirm(asked.purl, candidate),
    (reason) => ({ kind: 'refused', reason }) as const,
    { job, registry, onStep },
    signal,
  )
  if (confirmed.kind === 'refused') return confirmed.reason
  const { directory, licence } = confirmed
  return { kind: 'found', job, candidate, directory, licence, ...placed }
}

/** What a checkout says of the source, and not of this machine. */
function isOfTheSource(error: unknown): error is AppError {
  return error instanceof AppError && (error.code.endsWith('.source') || error.code === 'exhausted.size')
}

type Placed = Pick<FoundSource, 'source' | 'tree' | 'revision' | 'left'>

async function checkedOut(
  { repository, revisions }: SourceCandidate & { readonly type: 'git' },
  job: SandboxJob,
  parts: RebuildParts,
  signal: AbortSignal,
): Promise<Placed | string> {
  const wanted = { repository, revisions, into: `${job.directory}/source` }
  for (let tries = 1; ; tries++) {
    try {
      const found: SourceTree = await parts.sources.checkout(wanted, signal)
      const { tree, commit, revision, left } = found
      return { source: { type: 'git', repository, commit, tree }, tree, revision, left }
    } catch (error) {
      if (!isOfTheSource(error)) throw error
      // A host that is gone for good must not keep a builder from saying so; one that was away for a moment may be back.
      if (!isKind(error, 'unavailable') || tries === TRIES_MAX) return errorChain(error).join(': ')
      await parts.clock.sleep(PAUSE_MS * tries, signal)
    }
  }
}

async function unpacked(
  { file }: SourceCandidate & { readonly type: 'archive' },
  job: SandboxJob,
  { registry }: SourceAsk,
  parts: RebuildParts,
  signal: AbortSignal,
): Promise<Placed | string> {
  const name = basename(file.label)
  if (!/^[\w.+@-]{1,200}$/.test(name) || !/\.(?:tar(?:\.\w+)?|tgz)$/.test(name)) return `${name} is no tar archive`
  const blob = await registry.fetch(file, signal)
  if (blob === undefined) return `the registry does not have ${name} any more`
  const sha256 = hexOf(blob.id)
  await job.write(`inputs/${name}`, await readBlob(blob.id, ARCHIVE_BYTES_MAX, parts.store, signal))
  const argv = ['tar', '--extract', '--file', `../inputs/${name}`, ...UNPACK] as const
  const { exitCode, failure, log } = await job.run(
    { name: 'unpack the archive', argv: [...argv], directory: 'source', env: {} },
    signal,
  )
  if (failure !== undefined || exitCode !== 0) return `${name} cannot be unpacked: ${failure ?? log.trim().slice(-200)}`
  const tree = await parts.sources.digest(`${job.directory}/source`, signal)
  return { source: { type: 'archive', sha256 }, tree, revision: '', left: [] }
}

/** What a candidate is, for people. */
function nameOf(candidate: SourceCandidate): string {
  if (candidate.type === 'archive') return `${candidate.file.label} (${candidate.how})`
  return `${candidate.repository} at ${candidate.revisions[0]} (${candidate.how})`
}
