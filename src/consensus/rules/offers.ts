/** Whether an offer may become a member, and what the members are once it has. 2-trust.md, "Random selection", 4; attacks D4, F4. */
import { checkPublicKey, verifyEd25519 } from '../../base/crypto/ed25519.ts'
import { nodeOf, type Offer, type OfferBody, offerMessage } from '../../base/entries/offer.ts'
import { isPresent, keysOf, type Members } from '../draft/members.ts'
import type { NodeRecord, OrganisationRecord } from '../draft/records.ts'

/** Nodes of one organisation; more give it no more seats. */
export const NODES_MAX = 64
/** Former members are remembered so long, since requests draw from the members as they were. Longer than any deadline. */
export const REMEMBERED_SECONDS = 63_072_000

/** True if the offer is signed as it must be and fits the members: what a founding node's must be. */
export function isSoundOffer(network: string, offer: Offer, members: Members): boolean {
  const { body } = offer
  return body.network === network && hasKeysForRoles(body) && isSignedByItsKeys(offer) && fits(body, members)
}

/** True if it is sound, and an organisation that is a member already wants the node: one of its present keys signs too. */
export function isAcceptable(network: string, offer: Offer, members: Members): boolean {
  return isSoundOffer(network, offer, members) && isWanted(offer, members)
}

/** The organisation with the node of this offer, which the entry `index` brings. */
export function withNode(
  before: OrganisationRecord | undefined,
  body: OfferBody,
  index: number,
  timeSeconds: number,
): OrganisationRecord {
  const kept = (before?.nodes ?? [])
    .filter(({ untilSeconds }) => untilSeconds === null || untilSeconds > timeSeconds - REMEMBERED_SECONDS)
    .map((node) =>
      node.node === body.replaces && isPresent(node) ? { ...node, until: index, untilSeconds: timeSeconds } : node,
    )
  const joins = before?.nodes.some(isPresent) === true ? before.joins : [...(before?.joins ?? []), index]
  const { roles, keys, builds } = body
  const made: NodeRecord = { node: nodeOf(body), index, until: null, untilSeconds: null, roles, keys, builds }
  return { name: body.organisation, joins, nodes: [...kept, made] }
}

/** The organisation without a node, or without any; undefined if there is nothing to take out. */
export function withoutNode(
  before: OrganisationRecord | undefined,
  node: string | undefined,
  index: number,
  timeSeconds: number,
): OrganisationRecord | undefined {
  const leaves = (record: NodeRecord) => isPresent(record) && (node === undefined || record.node === node)
  if (before?.nodes.some(leaves) !== true) return undefined
  const out = { until: index, untilSeconds: timeSeconds }
  return { ...before, nodes: before.nodes.map((record) => (leaves(record) ? { ...record, ...out } : record)) }
}

function hasKeysForRoles({ roles, keys, builds }: OfferBody): boolean {
  const builder = roles.includes('builder')
  const authority = roles.includes('authority')
  const own = keysOf(keys)
  return (
    new Set(roles).size === roles.length &&
    new Set(own).size === own.length &&
    builder === (keys.attestation !== undefined) &&
    authority === (keys.consensus !== undefined) &&
    (builder || builds.length === 0) &&
    own.length > 0 &&
    [keys.attestation, keys.consensus].every((key) => key === undefined || isSound(key))
  )
}

function isSound(key: string): boolean {
  try {
    checkPublicKey(Buffer.from(key, 'hex'))
    return true
  } catch {
    return false
  }
}

function isSignedByItsKeys(offer: Offer): boolean {
  const { attestation, consensus } = offer.body.keys
  return [attestation, consensus].every((key) => key === undefined || isSignedBy(offer, key))
}

function isSignedBy({ body, proofs }: Offer, key: string): boolean {
  const message = offerMessage(body)
  return proofs.some(
    (proof) =>
      proof.key === key && verifyEd25519(Buffer.from(key, 'hex'), message, Buffer.from(proof.signature, 'hex')),
  )
}

/** No key may be of two nodes, except that a node is replaced by one with keys of its own. */
function fits(body: OfferBody, { used, organisations }: Members): boolean {
  const present = organisations.get(body.organisation)?.nodes.filter(isPresent) ?? []
  if (body.replaces !== undefined && !present.some(({ node }) => node === body.replaces)) return false
  if (present.length >= NODES_MAX && body.replaces === undefined) return false
  return keysOf(body.keys).every((key) => !used.has(key) || used.get(key) === body.replaces)
}

function isWanted(offer: Offer, { senders, organisations }: Members): boolean {
  const { organisation } = offer.body
  if (organisations.get(organisation)?.nodes.some(isPresent) !== true) return offer.body.replaces === undefined
  return offer.proofs.some(({ key }) => senders.get(key)?.organisation === organisation && isSignedBy(offer, key))
}
