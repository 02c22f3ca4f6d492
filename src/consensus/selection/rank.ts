/**
 * The order in which organisations, and then the nodes of one, are taken: by SHA-256(seed, index of the member entry).
 * An organisation's place depends on the seed and its own index alone: not on its name, its nodes or who else is there.
 */
import { hash } from 'node:crypto'
import { encodeParts } from '../../base/crypto/domain-hash.ts'
import { assert } from '../../base/errors.ts'

/** Something that is ranked: it came in with this entry of the log. */
export interface Ranked {
  /** Index of the member entry in the log. No two in one ranking may share it. */
  readonly memberIndex: number
}

/** What is ranked; each has a domain of its own, so that equal indexes do not give equal places. */
export type RankOf = 'organisation' | 'node'

/**
 * The members in the order of the draw, first first; a new array.
 * @throws bug.assertion if two share an index, or an index is no whole number from 0 to 2^53 - 1
 */
export function rank<T extends Ranked>(what: RankOf, seed: Uint8Array, members: readonly T[]): T[] {
  // Encoded once; of one member to the next only the last eight bytes differ.
  const buffer = Buffer.from(encodeParts(`pyrsia/rank-${what}/1`, [seed, 0]))
  const keyed = members.map((member) => ({ member, key: keyOf(buffer, member.memberIndex) }))
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  for (let at = 1; at < keyed.length; at += 1) {
    const [before, here] = [keyed[at - 1], keyed[at]]
    assert(before?.member.memberIndex !== here?.member.memberIndex, `wanted one ${what} per member entry, found two`)
  }
  return keyed.map(({ member }) => member)
}

/** In hex, which sorts as the bytes do and costs a third of a buffer. */
function keyOf(buffer: Buffer, memberIndex: number): string {
  assert(Number.isSafeInteger(memberIndex) && memberIndex >= 0, `wanted the index of an entry, found ${memberIndex}`)
  buffer.writeBigUInt64BE(BigInt(memberIndex), buffer.length - 8)
  return hash('sha256', buffer, 'hex')
}
