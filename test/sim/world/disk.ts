/**
 * Disks with the semantics of a crash: what was written and not synced is lost, or half of it is there. Writing costs time, during which
 * the process may die. On them the journal of the embedded engine and the entries of the log.
 */
import { AppError } from '../../../src/base/errors.ts'
import type { EntryLog, LogHead } from '../../../src/consensus/consensus.ts'
import type { Journal } from '../../../src/consensus/solo/journal.ts'
import { type Hash, leafHash, nodeHash } from '../../../src/log/tree/hash.ts'
import { rootOf } from '../../../src/log/tree/proof.ts'
import type { Life, World } from './world.ts'

/** A list of records on a disk. */
export class DiskList {
  readonly items: Uint8Array[] = []
  #synced = 0

  /** How many survive a crash in any case. */
  get synced(): number {
    return this.#synced
  }

  /** What is there now is durable. */
  sync(): void {
    this.#synced = this.items.length
  }

  /** The power goes: of what was not synced, some may be there all the same. (When only the process dies, all of it is there, unsynced.) */
  crash(kept: (unsynced: number) => number): void {
    const unsynced = this.items.length - this.#synced
    if (unsynced > 0) this.items.length = this.#synced + kept(unsynced)
    this.sync()
  }
}

/** One value on a disk, replaced as a whole. */
export class DiskCell<T> {
  value: T
  #durable: T

  constructor(value: T) {
    this.value = value
    this.#durable = value
  }

  /** This value is durable. */
  sync(value: T): void {
    this.#durable = value
  }

  crash(): void {
    this.value = this.#durable
  }
}

/** How long writes take, and how often they fail. */
export interface DiskHabits {
  readonly syncMs: number
  /** 0 to 1. */
  readonly failure: number
  /** How often the process dies while it writes, 0 to 1: the moment that chance alone would seldom find. */
  readonly death: number
  readonly die: () => void
}

/** Resolves after a sync; never if the process dies meanwhile. @throws unavailable.storage */
export function syncing(
  world: World,
  life: Life,
  { syncMs, failure, death, die }: DiskHabits,
  sync: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      if (world.chance.hit(failure)) {
        world.count('failed writes')
        if (world.chance.hit(0.5)) sync()
        reject(new AppError('unavailable.storage', 'the simulated disk failed'))
        return
      }
      sync()
      resolve()
    }
    const ms = world.chance.whole(1, syncMs)
    world.after(ms, done, life)
    if (world.chance.hit(death)) world.after(world.chance.whole(0, ms), die, life)
  })
}

/** What one authority has on its disk. */
export interface AuthorityDisk {
  readonly blocks: DiskList
  readonly entries: DiskList
  readonly snapshot: DiskCell<readonly Uint8Array[] | undefined>
}

/** An empty disk. */
export function emptyDisk(): AuthorityDisk {
  return {
    blocks: new DiskList(),
    entries: new DiskList(),
    snapshot: new DiskCell<readonly Uint8Array[] | undefined>(undefined),
  }
}

/** Bugs that a journal may have, for tests of the simulation: it acknowledges what is only written, or takes up unsynced records. */
export type JournalBug = 'hasty-journal' | 'unsynced-start' | undefined

/** The journal on a disk, as a process opens it. */
export function journalOn(world: World, life: Life, disk: AuthorityDisk, habits: DiskHabits, bug: JournalBug): Journal {
  if (bug !== 'unsynced-start') disk.blocks.sync()
  return {
    async *records(height) {
      for (const record of disk.blocks.items.slice(height)) yield record
    },
    async append(height, record) {
      disk.blocks.items[height] = Uint8Array.from(record)
      if (bug === 'hasty-journal') return
      await syncing(world, life, habits, () => disk.blocks.sync())
    },
    snapshot: () => disk.snapshot.value,
    async saveSnapshot(_height, pieces) {
      const whole = [...pieces].map((piece) => Uint8Array.from(piece))
      await syncing(world, life, habits, () => disk.snapshot.sync(whole))
      disk.snapshot.value = whole
    },
    async close() {},
  }
}

/** Hashes of a growing tree, each made once. */
export class TreeMemo {
  readonly #entries: readonly Uint8Array[]
  readonly #nodes = new Map<string, Hash>()

  constructor(entries: readonly Uint8Array[]) {
    this.#entries = entries
  }

  /** The root of the first `size` entries, and then of `more`, which are not remembered. */
  root(size: number, more: readonly Uint8Array[] = []): Hash {
    const passing = new Map<string, Hash>()
    const read = (level: number, index: number): Hash => {
      const key = `${level}/${index}`
      const found = this.#nodes.get(key) ?? passing.get(key)
      if (found !== undefined) return found
      const entry = index < size ? this.#entries[index] : more[index - size]
      const made =
        level === 0
          ? leafHash(entry ?? new Uint8Array())
          : nodeHash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))
      const isKept = (index + 1) * 2 ** level <= size
      if (isKept) this.#nodes.set(key, made)
      else passing.set(key, made)
      return made
    }
    return rootOf(size + more.length, read)
  }
}

/** The log on a disk; `signed` is told each checkpoint that is signed. */
export function logOn(
  world: World,
  life: Life,
  disk: AuthorityDisk,
  habits: DiskHabits,
  signed: (head: LogHead) => void,
): EntryLog {
  const { items } = disk.entries
  disk.entries.sync()
  const tree = new TreeMemo(items)
  const headOf = (more: readonly Uint8Array[] = []): LogHead => {
    const size = items.length
    return { size: size + more.length, root: tree.root(size, more) }
  }
  return {
    head: () => headOf(),
    pureRoot: headOf,
    async append(more, { at }) {
      if (items.length !== at) world.fail('append', `wanted a log of ${at} entries, found ${items.length}`)
      items.push(...more.map((entry) => Uint8Array.from(entry)))
      await syncing(world, life, habits, () => disk.entries.sync())
      return headOf()
    },
    async sign(size) {
      if (size > disk.entries.synced)
        world.fail('durability', `${size} entries are signed for, ${disk.entries.synced} are durable`)
      signed({ size, root: tree.root(size) })
    },
  }
}
