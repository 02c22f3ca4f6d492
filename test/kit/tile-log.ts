/** A log in memory with its authorities, for tests of readers and witnesses: any checkpoint, signed by whomever, and all tiles. */
import { createHash } from 'node:crypto'
import { type Signer, signerOfSeed } from '../../src/base/crypto/ed25519.ts'
import { AppError } from '../../src/base/errors.ts'
import { makeVkey } from '../../src/base/network/vkey.ts'
import type { LogSource } from '../../src/log/files/source.ts'
import { formatCheckpoint } from '../../src/log/note/checkpoint.ts'
import { cosign } from '../../src/log/note/cosignature.ts'
import { formatNote, signNote } from '../../src/log/note/note.ts'
import type { PolicyVersion } from '../../src/log/policy/network-chain.ts'
import type { LogKeys } from '../../src/log/reader/judge.ts'
import { encodeEntries } from '../../src/log/tree/entry-bundle.ts'
import { type Hash, leafHash, nodeHash } from '../../src/log/tree/hash.ts'
import type { ReadNode } from '../../src/log/tree/nodes.ts'
import { consistencyProof, rootOf } from '../../src/log/tree/proof.ts'
import { encodeTile, parseTilePath, TILE_HEIGHT, TILE_WIDTH } from '../../src/log/tree/tiles.ts'

/** An authority of a test network. */
export interface TestAuthority {
  readonly organisation: string
  readonly log: Signer
  readonly cosigner: Signer
}

/** A signer that is the same for the same words. */
export function testSigner(words: string): Signer {
  return signerOfSeed(createHash('sha256').update(words).digest())
}

/** `count` authorities named a0, a1, ... */
export function testAuthorities(count: number, salt = ''): TestAuthority[] {
  return Array.from({ length: count }, (_, at) => ({
    organisation: `a${at}`,
    log: testSigner(`${salt} log ${at}`),
    cosigner: testSigner(`${salt} cosigner ${at}`),
  }))
}

/** The keys of a log that these authorities run, any `quorum` of whom count. */
export function keysOf(origin: string, authorities: readonly TestAuthority[], quorum: number): LogKeys {
  const logs = authorities.map(({ log }) => makeVkey(origin, 'ed25519', log.publicKey))
  const cosigners = authorities.map(({ organisation, cosigner }) =>
    makeVkey(`${organisation}.example`, 'cosignature', cosigner.publicKey),
  )
  const policy: PolicyVersion = {
    fromSize: 0,
    members: new Map(),
    k: quorum,
    authorities: authorities.length,
    logs,
    cosigners,
    quorum: { kind: 'group', k: quorum, members: cosigners.map((key) => ({ kind: 'key', key })) },
    organisationOf: new Map(
      [...logs, ...cosigners].map((key, at) => [key, authorities[at % authorities.length]?.organisation ?? '']),
    ),
    counted: new Set(cosigners),
  }
  return { origin, policyAt: () => policy, witnesses: [] }
}

/** Whose signatures a checkpoint gets. */
export interface SignedBy {
  readonly log: readonly TestAuthority[]
  readonly cosigners?: readonly TestAuthority[]
  readonly timeSeconds?: number
}

/** The log. */
export class TileLog {
  readonly origin: string
  readonly entries: Uint8Array[] = []
  readonly #leaves: Hash[] = []
  readonly #nodes = new Map<string, Hash>()

  constructor(origin = 'log.example', entries: readonly Uint8Array[] = []) {
    this.origin = origin
    this.append(...entries)
  }

  append(...entries: readonly Uint8Array[]): this {
    for (const entry of entries) {
      this.entries.push(entry)
      this.#leaves.push(leafHash(entry))
    }
    return this
  }

  /** Appends `count` entries that say `word` and their index. */
  grow(count: number, word = 'entry'): this {
    for (let at = 0; at < count; at += 1) this.append(Buffer.from(`${word} ${this.entries.length}`))
    return this
  }

  root(size: number = this.entries.length): Hash {
    return rootOf(size, this.#read)
  }

  consistency(size1: number, size2: number): Hash[] {
    return size1 === 0 ? [] : consistencyProof(size1, size2, this.#read)
  }

  /** The text of the checkpoint of `size`. */
  text(size: number = this.entries.length): string {
    return formatCheckpoint({ origin: this.origin, size, root: this.root(size), extensions: [] })
  }

  /** A signed checkpoint. */
  note(size: number, { log, cosigners = [], timeSeconds = 1_700_000_000 }: SignedBy): Uint8Array {
    const text = this.text(size)
    return formatNote({
      text,
      signatures: [
        ...log.map((authority) => signNote(text, this.origin, authority.log)),
        ...cosigners.map(({ organisation, cosigner }) =>
          cosign(text, `${organisation}.example`, cosigner, timeSeconds),
        ),
      ],
    })
  }

  /** The file at a tile path, as a log of the present size serves it. */
  file(path: string): Uint8Array | undefined {
    const found = parseTilePath(path)
    if (found === undefined) return undefined
    const { index, width } = found.kind === 'entries' ? found : found.tile
    const first = index * TILE_WIDTH
    if (found.kind === 'entries') {
      const entries = this.entries.slice(first, first + width)
      return entries.length === width ? encodeEntries(entries) : undefined
    }
    const span = TILE_WIDTH ** found.tile.level
    if ((first + width) * span > this.entries.length) return undefined
    const level = found.tile.level * TILE_HEIGHT
    return encodeTile(Array.from({ length: width }, (_, at) => this.#read(level, first + at)))
  }

  readonly #read: ReadNode = (level, index) => {
    if (level === 0) {
      const leaf = this.#leaves[index]
      if (leaf === undefined) throw new AppError('bug.assertion', `the test log has no leaf ${index}`)
      return leaf
    }
    const key = `${level}/${index}`
    const kept = this.#nodes.get(key)
    if (kept !== undefined) return kept
    const made = nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1))
    this.#nodes.set(key, made)
    return made
  }
}

/** A source of a log's files that counts what it was asked and remembers what it was blamed for. */
export class TestSource implements LogSource {
  readonly name: string
  readonly asked: string[] = []
  readonly blamed: string[] = []
  readonly #file: (path: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>

  constructor(name: string, file: (path: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>) {
    this.name = name
    this.#file = file
  }

  async fetch(path: string): Promise<Uint8Array | undefined> {
    this.asked.push(path)
    return await this.#file(path)
  }

  blame(about: string): void {
    this.blamed.push(about)
  }
}

/** The file with one bit of it flipped. */
export function tampered(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (bytes === undefined) return undefined
  const copy = Uint8Array.from(bytes)
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1
  return copy
}
