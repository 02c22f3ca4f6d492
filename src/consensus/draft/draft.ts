/**
 * A state in the making: reads the last one, collects writes and log entries, and turns them into the next one. Every rule works on a
 * draft; nothing of it is seen outside until `finish`. One draft serves a whole block, so that a record that many of its transactions
 * change is packed, placed and hashed once.
 */
import { hash } from 'node:crypto'
import { canonicalJson, canonicalText, type Json } from '../../base/crypto/canonical-json.ts'
import { domainHash } from '../../base/crypto/domain-hash.ts'
import { type Entry, encodeEntry, type FaultEntry } from '../../base/entries/entry.ts'
import { entryName } from '../../base/entries/entry-name.ts'
import type { At, Hex32 } from '../../base/entries/fields.ts'
import type { BeaconSchedule } from '../../base/network/beacon-schedule.ts'
import { deleteValue, getValue, rootOf, setValue, type Tree } from '../tree/tree.ts'
import { type Members, membersOf } from './members.ts'
import type { Scalars } from './records.ts'

/** What is fixed for a network for ever. */
export interface Constants {
  /** The origin of the log. */
  readonly network: string
  readonly beacon: {
    readonly chainHash: Hex32
    readonly schedule: BeaconSchedule
    /** Whether the beacon gave this for that round. Pure. `randomness` and `proof` in hex. */
    check(round: number, randomness: Hex32, proof: string): boolean
  }
}

/** The state after some transactions: a value, never changed. */
export interface State {
  /** Organisations, their nodes, the rules. */
  readonly members: Tree
  /** Everything else, by key. */
  readonly work: Tree
  readonly scalars: Scalars
  /** The newest block. Not part of the root: an empty block leaves that alone. */
  readonly at: At
}

/** An entry for the log, with its place. */
export interface LoggedEntry {
  readonly index: number
  /** The hash of its leaf. */
  readonly name: Hex32
  readonly entry: Entry
  readonly bytes: Uint8Array
}

/** What a step brought. */
export interface Outputs {
  /** For the log, in this order. */
  readonly entries: readonly LoggedEntry[]
  /** The faults among them. */
  readonly faults: readonly FaultEntry[]
}

/** A step in the making. */
export interface Draft {
  readonly constants: Constants
  readonly at: At
  /** The members as of now. */
  members(): Members
  /** The root of the members as of now. */
  membershipRoot(): Hex32
  scalars(): Scalars
  setScalars(change: Partial<Scalars>): void
  /** The record under this key of the tree `work`. Whoever asks knows its type. */
  get<T>(key: string): T | undefined
  put(key: string, value: unknown): void
  remove(key: string): void
  putMember(key: string, value: unknown): void
  /** Adds an entry to the log. */
  log(entry: Entry): LoggedEntry
  /** Everything that was logged since this draft began. */
  logged(): readonly LoggedEntry[]
  /** What comes after this can be taken back. */
  mark(): void
  /** Takes back everything since the last `mark`, the entries too. */
  undo(): void
  /** The state and outputs; the draft is used up. */
  finish(): { readonly state: State; readonly outputs: Outputs }
}

/** A draft that goes on from `state` in the block `at`. */
export function createDraft(constants: Constants, state: State, at: At): Draft {
  const writes = new Map<string, unknown>()
  const entries: LoggedEntry[] = []
  let { members, scalars } = state
  let marked = { members, scalars, entryCount: 0 }
  let overwritten: { readonly key: string; readonly had: boolean; readonly value: unknown }[] = []
  const write = (key: string, value: unknown) => {
    overwritten.push({ key, had: writes.has(key), value: writes.get(key) })
    writes.set(key, value)
  }
  return {
    constants,
    at,
    members: () => membersOf(members),
    membershipRoot: () => Buffer.from(rootOf(members)).toString('hex'),
    scalars: () => scalars,
    setScalars(change) {
      scalars = { ...scalars, ...change }
    },
    get<T>(key: string): T | undefined {
      if (writes.has(key)) return writes.get(key) as T | undefined
      const bytes = getValue(state.work, Buffer.from(key))
      return bytes === undefined ? undefined : (decode(bytes) as T)
    },
    put: write,
    remove: (key) => write(key, undefined),
    putMember(key, value) {
      members = setValue(members, Buffer.from(key), canonicalJson(value as Json))
    },
    log(entry) {
      const bytes = encodeEntry(entry)
      const logged = { index: scalars.entries, name: entryName(bytes), entry, bytes }
      entries.push(logged)
      scalars = { ...scalars, entries: scalars.entries + 1 }
      return logged
    },
    logged: () => entries,
    mark() {
      marked = { members, scalars, entryCount: entries.length }
      overwritten = []
    },
    undo() {
      for (const { key, had, value } of overwritten.reverse()) {
        if (had) writes.set(key, value)
        else writes.delete(key)
      }
      overwritten = []
      members = marked.members
      scalars = marked.scalars
      entries.length = marked.entryCount
    },
    finish() {
      let { work } = state
      for (const [key, value] of writes) {
        const at = Buffer.from(key)
        work =
          value === undefined ? deleteValue(work, at) : setValue(work, at, Buffer.from(canonicalText(value as Json)))
      }
      const faults = entries.flatMap(({ entry }) => (entry.kind === 'fault' ? [entry] : []))
      return { state: { members, work, scalars, at }, outputs: { entries, faults } }
    },
  }
}

/** A value of the state, from its bytes. */
export function decode(bytes: Uint8Array): Json {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as Json
}

/** The root of a state, 32 bytes: two states that mean the same have the same. */
export function stateRoot({ network }: Constants, { members, work, scalars }: State): Uint8Array {
  return domainHash('pyrsia/state/1', [
    network,
    rootOf(members),
    rootOf(work),
    canonicalJson(scalars as unknown as Json),
  ])
}

/** SHA-256 of a value's canonical JSON, in hex. */
export function hashOf(value: unknown): Hex32 {
  return hash('sha256', canonicalText(value as Json), 'hex')
}
