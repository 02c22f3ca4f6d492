/**
 * A file system in memory that knows what would outlive a crash of the machine: bytes that were synced, and names whose directory
 * was. Each step that changes something can be made to fail, before or after it took effect, and everything after it too.
 */
import { dirname, join } from 'node:path'
import type { LogFiles } from '../../src/log/disk/files.ts'

/** What a failing step does first: nothing, half of its work (writes), or all of it. */
export type Fault = 'failed' | 'torn' | 'applied'

/** What is left: `kill` everything, `power` only what was synced, `luck` by name and file the one or the other. */
export type Crash = 'kill' | 'power' | 'luck'

interface Inode {
  bytes: Uint8Array
  synced: Uint8Array
}

type Names = Map<string, Inode | 'directory'>

/** A file system that can be made to fail and to crash. */
export class CrashFiles implements LogFiles {
  /** Steps so far that change something. */
  steps = 0
  /** What was renamed to where, in order: a server would have shown it. */
  readonly renamed: { readonly to: string; readonly bytes: Uint8Array }[] = []
  #failAt = Number.POSITIVE_INFINITY
  #fault: Fault = 'failed'
  #dead = false
  #staysDead = true
  #names: Map<string, Names>
  readonly #durable: Map<string, Names>
  readonly #open = new Map<number, Inode>()
  #fd = 0

  constructor(root: string) {
    this.#names = new Map([[root, new Map()]])
    this.#durable = new Map([[root, new Map()]])
  }

  /** Makes step number `at` (from 0) fail; `staysDead`: and all that come after, as if the process had been killed. */
  failAt(at: number, fault: Fault, staysDead: boolean): void {
    this.#failAt = at
    this.#fault = fault
    this.#staysDead = staysDead
  }

  /** Crashes and comes up again, sound. `luck` draws numbers in [0, 1) for the crash of that name. */
  crash(how: Crash, luck: () => number): void {
    this.#dead = false
    this.#failAt = Number.POSITIVE_INFINITY
    this.#open.clear()
    if (how === 'kill') return
    const survives = () => how === 'luck' && luck() < 0.5
    const names = new Map<string, Names>()
    const visit = (path: string): void => {
      const now = this.#names.get(path) ?? new Map()
      const before = this.#durable.get(path) ?? new Map()
      const left: Names = new Map()
      for (const name of new Set([...before.keys(), ...now.keys()])) {
        const found = survives() ? now.get(name) : before.get(name)
        if (found === undefined) continue
        left.set(name, found)
        if (found === 'directory') visit(join(path, name))
        else found.bytes = survives() ? found.bytes : found.synced
      }
      names.set(path, left)
    }
    visit(this.#names.keys().next().value as string)
    this.#names = names
    this.#durable.clear()
    for (const [path, left] of names) this.#durable.set(path, new Map(left))
    for (const left of names.values()) for (const one of left.values()) if (one !== 'directory') one.synced = one.bytes
  }

  create(path: string): Promise<number> {
    return this.#step(() => {
      const inode = { bytes: new Uint8Array(0), synced: new Uint8Array(0) }
      this.#namesOf(dirname(path)).set(baseOf(path), inode)
      this.#fd += 1
      this.#open.set(this.#fd, inode)
      return this.#fd
    })
  }

  write(fd: number, bytes: Uint8Array): Promise<void> {
    const put = (length: number): void => {
      this.#inode(fd).bytes = Uint8Array.from(bytes.subarray(0, length))
    }
    return this.#step(
      () => put(bytes.byteLength),
      () => put(bytes.byteLength >> 1),
    )
  }

  sync(fd: number): Promise<void> {
    return this.#step(() => {
      const inode = this.#inode(fd)
      inode.synced = inode.bytes
    })
  }

  async close(fd: number): Promise<void> {
    this.#open.delete(fd)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(() => {
      const inode = this.#namesOf(dirname(from)).get(baseOf(from))
      if (inode === undefined || inode === 'directory') throw missing(from)
      this.#namesOf(dirname(to)).set(baseOf(to), inode)
      this.#namesOf(dirname(from)).delete(baseOf(from))
      this.renamed.push({ to, bytes: inode.bytes })
    })
  }

  syncDirectory(path: string): Promise<void> {
    return this.#step(() => {
      this.#durable.set(path, new Map(this.#namesOf(path)))
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#step(() => {
      if (this.#names.has(path)) return
      this.#namesOf(dirname(path)).set(baseOf(path), 'directory')
      this.#names.set(path, new Map())
      this.#durable.set(path, new Map())
    })
  }

  remove(path: string): Promise<void> {
    return this.#step(() => {
      this.#names.get(dirname(path))?.delete(baseOf(path))
      for (const at of [...this.#names.keys()]) if (at === path || at.startsWith(`${path}/`)) this.#names.delete(at)
    })
  }

  async names(path: string): Promise<string[]> {
    this.#alive()
    return [...(this.#names.get(path)?.keys() ?? [])]
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    this.#alive()
    const found = this.#names.get(dirname(path))?.get(baseOf(path))
    return found === undefined || found === 'directory' ? undefined : found.bytes
  }

  readNow(path: string, position: number, length: number): Uint8Array | undefined {
    this.#alive()
    const found = this.#names.get(dirname(path))?.get(baseOf(path))
    return found === undefined || found === 'directory' ? undefined : found.bytes.subarray(position, position + length)
  }

  async #step<T>(apply: () => T, tear: () => void = () => {}): Promise<T> {
    this.#alive()
    const fails = this.steps === this.#failAt
    this.steps += 1
    if (!fails) return apply()
    this.#dead = this.#staysDead
    if (this.#fault === 'applied') apply()
    else if (this.#fault === 'torn') tear()
    throw Object.assign(new Error('the disk failed'), { code: 'EIO' })
  }

  #alive(): void {
    if (this.#dead) throw Object.assign(new Error('the process is dead'), { code: 'EIO' })
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd)
    if (inode === undefined) throw Object.assign(new Error('bad descriptor'), { code: 'EBADF' })
    return inode
  }

  #namesOf(path: string): Names {
    const names = this.#names.get(path)
    if (names === undefined) throw missing(path)
    return names
  }
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function luckOf(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function missing(path: string): Error {
  return Object.assign(new Error(`${path} is not there`), { code: 'ENOENT' })
}
