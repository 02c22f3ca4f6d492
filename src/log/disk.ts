/**
 * The log on disk: files that any static web server could serve, and beside them what is this node's alone (layout.ts). Built by
 * `main/wire.ts`: a writer for a log whose key is here, a mirror for one that somebody else signs. The rooms are in `disk/`.
 */
import type { Logger } from '../base/clock.ts'
import type { Signer } from '../base/crypto/ed25519.ts'
import { AppError } from '../base/errors.ts'
import { DiskWriter, WRITER_DEFAULTS, type WriterBehaviour } from './disk/appender.ts'
import type { DiskParts, LoadedLog } from './disk/disk-log.ts'
import { DurableWriter } from './disk/durable.ts'
import { fileFailure, type LogFiles, nodeLogFiles } from './disk/files.ts'
import { type LogLayout, logLayout } from './disk/layout.ts'
import { type LogLock, lockLog } from './disk/lock.ts'
import { DiskMirror } from './disk/mirror.ts'
import { encodeRecord, readEdge, readNewest, readRecord } from './disk/record.ts'
import { type LogIndex, openLogIndex } from './index/log-index.ts'
import type { KeysOf, LogMirror, LogWriter } from './log.ts'
import { EMPTY_ROOT } from './tree/hash.ts'

/** Options of a log on disk. */
export interface DiskLogOptions {
  readonly origin: string
  /** `<data>/log`, which is there: the log makes two directories in it. */
  readonly directory: string
  readonly keysOf: KeysOf
}

/** Options of a log that is signed here. */
export interface DiskWriterOptions extends DiskLogOptions, Partial<WriterBehaviour> {
  /**
   * `true` only when the key was made in this moment: an empty log is made. Otherwise a log that is not there was lost, and
   * starting it again under the same key would be a second history: that is refused.
   */
  readonly create: boolean
}

/** What a log on disk needs; `files`, `lock` and `openIndex` only differ in tests. */
export interface DiskLogDependencies {
  readonly logger: Logger
  readonly files?: LogFiles
  readonly lock?: (path: string) => LogLock
  readonly openIndex?: (path: string, origin: string) => LogIndex
}

/** Opens a log that `signer` signs. @throws damaged.log, conflict.running, exhausted.disk, unavailable.storage */
export async function openDiskWriter(
  options: DiskWriterOptions,
  signer: Signer,
  dependencies: DiskLogDependencies,
): Promise<LogWriter> {
  const { parts, load } = await openParts(options, dependencies, options.create)
  return await started(new DiskWriter(parts, signer, { ...WRITER_DEFAULTS, ...options }, load), parts)
}

/** Opens a copy of a log, or begins one. @throws damaged.log, conflict.running, exhausted.disk, unavailable.storage */
export async function openDiskMirror(options: DiskLogOptions, dependencies: DiskLogDependencies): Promise<LogMirror> {
  const { parts } = await openParts(options, dependencies, true)
  return await started(new DiskMirror(parts), parts)
}

async function started<T extends DiskWriter | DiskMirror>(log: T, { index, lock }: DiskParts): Promise<T> {
  try {
    await log.start()
  } catch (error) {
    index.close()
    lock.release()
    throw error
  }
  log.beginIndexing()
  return log
}

async function openParts(
  { origin, directory, keysOf }: DiskLogOptions,
  { logger, files = nodeLogFiles, lock = lockLog, openIndex = openLogIndex }: DiskLogDependencies,
  create: boolean,
): Promise<{ readonly parts: DiskParts; readonly load: () => Promise<LoadedLog> }> {
  const layout = logLayout(directory, origin)
  try {
    await files.makeDirectory(layout.served, 0o755)
    await files.makeDirectory(layout.state, 0o700)
  } catch (error) {
    throw fileFailure(error, `opening the log ${origin}`)
  }
  const held = lock(layout.lock)
  try {
    await files.remove(layout.incoming)
    await files.makeDirectory(layout.incoming, 0o700)
    await files.syncDirectory(directory)
    if ((await readRecord(files, layout, origin)) === undefined) await begin(files, layout, origin, create)
    const load = async (): Promise<LoadedLog> => {
      const record = await readRecord(files, layout, origin)
      if (record === undefined) throw lost(origin, layout)
      const newest = await readNewest(files, layout, origin, record, logger)
      return { record, edge: await readEdge(files, layout, record.head), newest }
    }
    const loaded = await load()
    const index = await openOrRemake(files, layout.index, (path) => openIndex(path, origin))
    return { parts: { origin, layout, files, logger, keysOf, lock: held, index, loaded }, load }
  } catch (error) {
    held.release()
    throw fileFailure(error, `opening the log ${origin}`)
  }
}

/** The index is derived: one that cannot be opened, or is of another log, is removed and filled again from the entries. */
async function openOrRemake(files: LogFiles, path: string, open: (path: string) => LogIndex): Promise<LogIndex> {
  try {
    return open(path)
  } catch {
    for (const end of ['', '-wal', '-shm']) await files.remove(`${path}${end}`)
    return open(path)
  }
}

/** Writes the record of an empty log, if there is no trace of one that was. */
async function begin(files: LogFiles, layout: LogLayout, origin: string, create: boolean): Promise<void> {
  const traces = await files.names(layout.served)
  if (!create || traces.length > 0 || (await files.read(layout.accepted)) !== undefined) throw lost(origin, layout)
  const record = { head: { size: 0, root: EMPTY_ROOT }, published: undefined }
  const durable = new DurableWriter(files, layout.served, layout.incoming)
  await durable.replace({ path: layout.record, bytes: encodeRecord(origin, record) }, 0o600)
}

function lost(origin: string, { record }: LogLayout): AppError {
  return new AppError(
    'damaged.log',
    `opening the log ${origin}: ${record}, which says what was signed, is missing; signing without it could make a second history. Restore it, or give the log up with its key`,
    { data: { path: record } },
  )
}
