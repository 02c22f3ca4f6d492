/**
 * Has a client's own tool list what a file wants that is no lockfile (`LockfileReader.listing`), and keeps the list in the data
 * directory, so that it can be checked again without the tool. Adapter; behind `pyrsia sync`.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError, wrapError } from '../../base/errors.ts'
import type { ListOutcome, ListRequest } from '../../cli/context.ts'
import { type Ecosystem, LISTED, type ListingRun, type LockfileListing } from '../../ecosystems/ecosystem.ts'
import { writeWhole } from '../data-directory.ts'

/** For one program: a large project over a slow line. */
const PROGRAM_MS = 1_800_000
const PROGRAMS_MAX = 10
/** Of a program's output, characters that are shown when it fails. */
const OUTPUT_MAX = 6_000
const FILES_MAX = 200_000
/** Of a file that a listing goes by, or that a program writes for the next. */
const TEXT_BYTES_MAX = 33_554_432
const BESIDE_MAX = 5_000

/** What a listing needs. */
export interface ListingDependencies {
  readonly ecosystems: readonly Pick<Ecosystem, 'id' | 'lockfiles'>[]
  /** The node's data directory. */
  readonly data: string
  /** Environment of the program. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * The text to send for a file; undefined if the file itself is to be sent.
 * @throws usage.request if the tool cannot be run or fails; absent.lockfile if a kept list is wanted and there is none for the
 * file as it is now; unavailable.timeout, exhausted.size, aborted.caller
 */
export async function listedText(
  request: ListRequest,
  { ecosystems, data, environment }: ListingDependencies,
): Promise<ListOutcome> {
  const found = listingOf(ecosystems, request.path)
  if (found === undefined) return undefined
  const kept = join(data, 'listings', `${sha256(request.path)}.json`)
  if (request.action === 'forget') {
    await rm(kept, { force: true })
    return undefined
  }
  if (request.action === 'reuse') return await readKept(kept, request, () => stateOf(found.listing, request))
  const url = (await request.endpoints())[found.id]
  if (url === undefined) throw new AppError('unavailable.node', `the node serves nothing for ${request.path}`)
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-listing-'))
  try {
    const lines = await runAll(found.listing, { ...request, url, directory }, environment)
    await mkdir(dirname(kept), { recursive: true, mode: 0o700 })
    const of = await stateOf(found.listing, request)
    await writeWhole(kept, JSON.stringify({ path: request.path, of, lines }), 0o600)
    return lines
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

function listingOf(
  ecosystems: ListingDependencies['ecosystems'],
  path: string,
): { readonly id: string; readonly listing: LockfileListing } | undefined {
  const name = basename(path)
  for (const { id, lockfiles } of ecosystems) {
    const reader = lockfiles.find(({ fileName }) => fileName.test(name))
    if (reader !== undefined) return reader.listing === undefined ? undefined : { id, listing: reader.listing }
  }
  return undefined
}

async function runAll(
  listing: LockfileListing,
  place: ListRequest & { readonly url: string; readonly directory: string },
  environment: ListingDependencies['environment'],
): Promise<string> {
  const { directory, path, text, url } = place
  const folder = join(directory, LISTED)
  await mkdir(folder)
  const standIns = new Set<string>()
  let output = ''
  for (let doneCount = 0; doneCount < PROGRAMS_MAX; doneCount++) {
    const listed = (await filesIn(folder)).filter((name) => !standIns.has(name))
    const run = listing.next({ path, text, url, directory, doneCount, listed, output })
    if (run === undefined) return listed.map((name) => `./${name}\n`).join('')
    await writeAll(directory, run.files)
    await writeAll(folder, run.standIns ?? {})
    for (const name of Object.keys(run.standIns ?? {})) standIns.add(name)
    await runOne(run, place, environment)
    output = run.output === undefined ? '' : await readOutput(join(directory, run.output))
  }
  throw new AppError('exhausted.size', `listing what ${path} wants: wanted at most ${PROGRAMS_MAX} programs`)
}

async function writeAll(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), content, { mode: 0o600 })
  }
}

async function readOutput(path: string): Promise<string> {
  return (await readSmall(path)) ?? ''
}

/** The text of an ordinary file that is not too large; undefined for anything else. */
async function readSmall(path: string): Promise<string | undefined> {
  try {
    const about = await stat(path)
    return about.isFile() && about.size <= TEXT_BYTES_MAX ? await readFile(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}

/** A digest over the file and those beside it that have a say, and theirs. */
async function stateOf(listing: LockfileListing, { path, text }: ListRequest): Promise<string> {
  const texts = new Map<string, string | undefined>([[path, text]])
  // A map hands out what is added while it is walked.
  for (const [from, content] of texts) {
    for (const name of content === undefined ? [] : listing.beside(content)) {
      const beside = resolve(dirname(from), name)
      if (texts.has(beside)) continue
      if (texts.size >= BESIDE_MAX) {
        throw new AppError('exhausted.size', `wanted at most ${BESIDE_MAX} files that ${path} goes by`)
      }
      texts.set(beside, await readSmall(beside))
    }
  }
  const lines = [...texts].map(([name, content]) => [name, content === undefined ? null : sha256(content)])
  return sha256(JSON.stringify(lines))
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  if (files.length > FILES_MAX) {
    throw new AppError('exhausted.size', `wanted at most ${FILES_MAX} files in a listing, found ${files.length}`)
  }
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort()
}

/** Runs it to its end; its children, if it has any, are ended with it by their own input's end. */
function runOne(
  { program, args }: ListingRun,
  { path, onLine }: ListRequest,
  environment: ListingDependencies['environment'],
): Promise<void> {
  return new Promise((done, reject) => {
    const child = spawn(program, args, {
      cwd: dirname(path),
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let interrupted = false
    const hear = (chunk: string): void => {
      output = (output + chunk).slice(-OUTPUT_MAX)
      onLine(output.trimEnd().split('\n').at(-1) ?? '')
    }
    let late = false
    // Not spawn's own time limit: that one holds the process for its whole span where the program cannot be started.
    const limit = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, PROGRAM_MS)
    // Else the temporary directory would stay.
    const interrupt = (): void => {
      interrupted = true
      child.kill('SIGTERM')
    }
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    const over = (error?: AppError): void => {
      clearTimeout(limit)
      process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt)
      if (error === undefined) done()
      else reject(error)
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.once('error', (cause) =>
      over(new AppError('usage.request', `${path}: cannot run ${program}: is it installed?`, { cause })),
    )
    child.once('close', (code, signal) => {
      if (interrupted) over(new AppError('aborted.caller', `${path}: interrupted while ${program} ran`))
      else if (code === 0) over()
      else if (late)
        over(new AppError('unavailable.timeout', `${path}: ${program} was ended after ${PROGRAM_MS / 1000} s`))
      else
        over(new AppError('usage.request', `${path}: ${program} ended with ${code ?? signal}; it printed:\n${output}`))
    })
  })
}

async function readKept(kept: string, { path }: ListRequest, state: () => Promise<string>): Promise<string> {
  try {
    const { of, lines } = JSON.parse(await readFile(kept, 'utf8')) as {
      readonly of?: unknown
      readonly lines?: unknown
    }
    if (of === (await state()) && typeof lines === 'string') return lines
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw wrapError(cause, 'absent.lockfile', `cannot read what ${path} wanted when it was synced: sync it again`)
    }
    throw new AppError('absent.lockfile', `${path} was not synced with this data directory yet`)
  }
  throw new AppError(
    'absent.lockfile',
    `${path}, or a file that it goes by, has changed since it was synced: sync it again`,
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
