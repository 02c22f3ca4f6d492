/**
 * What was built, file by file: kept, named by its digests, and compared with what the registry has under that name. The comparing itself
 * runs off the loop that serves.
 */
import { hexOf } from '../../base/digest.ts'
import type { BuiltFile } from '../../base/entries/result.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import type { ReleaseFacts } from '../../base/rebuild/build-plan.ts'
import { collect } from '../../base/streams.ts'
import type { SandboxJob } from '../../sandbox/sandbox.ts'
import { inJob, wordOf } from './answer.ts'
import { BUILT_LABEL, keepBytes, readBlob } from './keep-files.ts'
import type { Asked, RebuildParts, RecordedRegistry } from './parts.ts'

/** How the examination ends. */
export type ExaminedFiles =
  | { readonly kind: 'files'; readonly files: readonly BuiltFile[]; readonly differences: readonly string[] }
  | { readonly kind: 'unbuildable' | 'malformed'; readonly reason: string }

/** What the examination needs. */
export interface ExamineAsk {
  readonly asked: Asked
  readonly ecosystem: string
  readonly facts: ReleaseFacts
  readonly registry: RecordedRegistry
  readonly job: SandboxJob
  readonly made: ReadonlyArray<{ readonly name: string; readonly path: string }>
}

const FILES_MAX = 64
const FILE_BYTES_MAX = 512 * 1_048_576
const RULES_MAX = 32

/** Looks at every file, in the order of their names. @throws unavailable.upstream, untrusted.digest, exhausted.disk, aborted.caller */
export async function examineFiles(ask: ExamineAsk, parts: RebuildParts, signal: AbortSignal): Promise<ExaminedFiles> {
  const made = ask.made.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const names = new Set(made.map(({ name }) => name))
  if (made.length === 0 || made.length > FILES_MAX || names.size !== made.length) {
    return { kind: 'unbuildable', reason: `wanted 1 to ${FILES_MAX} files of different names, found ${made.length}` }
  }
  const files: BuiltFile[] = []
  const differences: string[] = []
  for (const each of made) {
    const file = await examineFile(each, ask, parts, signal)
    if ('reason' in file) return file
    files.push(file.file)
    differences.push(...file.differences.map((line) => `${each.name}: ${line}`))
  }
  return { kind: 'files', files, differences }
}

async function examineFile(
  { name, path }: { readonly name: string; readonly path: string },
  ask: ExamineAsk,
  parts: RebuildParts,
  signal: AbortSignal,
): Promise<
  | { readonly file: BuiltFile; readonly differences: readonly string[] }
  | { readonly kind: 'unbuildable' | 'malformed'; readonly reason: string }
> {
  const { asked, ecosystem, registry, facts, job } = ask
  const { purl } = asked
  parts.progress(purl, { kind: 'comparing', name })
  const built = await bytesOf(inJob(path), job)
  if (typeof built === 'string') return { kind: 'unbuildable', reason: `${name}: ${built}` }
  const located = facts.files.find((file) => nameOf(file) === name)
  const upstream = located === undefined ? undefined : await registry.fetch(located, signal)
  if (located !== undefined && upstream === undefined) {
    throw new AppError('unavailable.upstream', `the registry lists ${name} of ${purl} and does not give it`)
  }
  const digests = await keepBytes({ name, bytes: built, mediaType: mediaTypeOf(located), purl }, parts.store)
  const theirs = upstream === undefined ? undefined : await readBlob(upstream.id, FILE_BYTES_MAX, parts.store, signal)
  const found = await parts.examine({ ecosystem, name, built, upstream: theirs }, signal)
  if (found.kind === 'malformed') return { kind: 'malformed', reason: `${name}: ${found.reason}` }
  const { canonical, comparison } = found
  if (upstream === undefined || comparison === undefined) {
    return { file: { ...digests, canonical, upstream: null }, differences: [] }
  }
  // As long as what was built.
  parts.store.pin(upstream.id, `${BUILT_LABEL} ${purl}`)
  const { level, differences } = comparison
  const rules = comparison.rules.slice(0, RULES_MAX).map(wordOf)
  return { file: { ...digests, canonical, upstream: { sha256: hexOf(upstream.id), level, rules } }, differences }
}

async function bytesOf(path: string | undefined, job: SandboxJob): Promise<Buffer | string> {
  if (path === undefined) return 'it was not built in the job'
  try {
    const { sizeBytes, body } = job.open(path)
    if (sizeBytes > FILE_BYTES_MAX) return `${sizeBytes} bytes are more than the ${FILE_BYTES_MAX} that are compared`
    return await collect(body, FILE_BYTES_MAX)
  } catch (error) {
    if (isKind(error, 'absent')) return 'it was not built'
    throw error
  }
}

function nameOf({ label }: Located): string {
  return label.slice(label.lastIndexOf('/') + 1)
}

function mediaTypeOf(located: Located | undefined): string {
  return located?.mediaType ?? 'application/octet-stream'
}
