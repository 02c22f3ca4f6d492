/** What is wrong with an entry, said so that somebody finds it. Pure. */
import { hash } from 'node:crypto'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import type { DisputeEntry, Entry, RequestEntry } from '../../base/entries/entry.ts'
import type { BeaconSchedule } from '../../base/network/beacon-schedule.ts'

/** An entry with its place in the log. */
export interface Logged<E extends Entry = Entry> {
  readonly index: number
  /** The hash of its leaf, hex: what a request is called by. */
  readonly name: string
  readonly entry: E
}

/** What asks for a build: a request, or a dispute, which has a package built again. */
export type AskedEntry = RequestEntry | Extract<DisputeEntry, { step: 'opened' }>

/** An entry of the log that does not follow from the others. */
export interface Problem {
  /** Index of the entry; undefined: it is missing. */
  readonly index: number | undefined
  readonly kind: Entry['kind'] | 'unknown'
  /** The field, where one is meant. */
  readonly field: string | undefined
  readonly problem: string
}

/** What is fixed for a network: as the state machine's constants. */
export interface Fixed {
  /** The origin. */
  readonly network: string
  readonly beacon: {
    readonly chainHash: string
    readonly schedule: BeaconSchedule
    /** Whether the beacon gave this for that round. Pure. */
    check(round: number, randomness: string, proof: string): boolean
  }
}

/** A problem of this entry. */
export function problemOf({ index, entry }: Logged, field: string | undefined, problem: string): Problem {
  return { index, kind: entry.kind, field, problem }
}

/** The fields of an entry that differ from those that follow from the others. */
export function differences(logged: Logged, wanted: Readonly<Record<string, unknown>>): Problem[] {
  const found = logged.entry as unknown as Readonly<Record<string, unknown>>
  return Object.keys(wanted).flatMap((field) => {
    const [want, have] = [textOf(wanted[field]), textOf(found[field])]
    return want === have ? [] : [problemOf(logged, field, `wanted ${short(want)}, found ${short(have)}`)]
  })
}

/** SHA-256 of a value's canonical JSON, in hex. */
export function hashOf(value: unknown): string {
  return hash('sha256', canonicalJson(value as Json), 'hex')
}

function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : Buffer.from(canonicalJson(value as Json)).toString('utf8')
}

function short(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`
}
