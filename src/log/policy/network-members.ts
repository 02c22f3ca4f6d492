/**
 * Who belongs to a network, as verifying needs it: organisations, their nodes and keys, out of `network.json` and of logged offers,
 * and what a voted change makes of them. Pure; that a change was voted for is `network-chain.ts`'s to check.
 */
import { verifyEd25519 } from '../../base/crypto/ed25519.ts'
import { nodeOf, type Offer, offerMessage } from '../../base/entries/offer.ts'
import type { Change } from '../../base/entries/transaction.ts'
import { AppError, isKind } from '../../base/errors.ts'
import type { Network, Role } from '../../base/network/network.ts'
import { readVkey, type Vkey, type VkeyType } from '../../base/network/vkey.ts'

/** One node of an organisation. Keys are lower-case hex of 32 bytes. */
export interface MemberNode {
  /** What entries call it: its attestation key, or its consensus key if it does not build. */
  readonly name: string
  readonly roles: readonly Role[]
  readonly attestation?: string | undefined
  /** Signs votes. */
  readonly consensus?: string | undefined
  readonly log?: Vkey | undefined
  readonly cosigner?: Vkey | undefined
}

/** Organisations by name, with their nodes. */
export type Members = ReadonlyMap<string, readonly MemberNode[]>

/** The members that `network.json` names: one node per organisation. */
export function membersOf({ organisations }: Network): Members {
  return new Map(
    organisations.map(({ name, roles, keys }) => {
      const attestation = hexOf(keys.attestation)
      const consensus = hexOf(keys.consensus)
      const node: MemberNode = {
        name: attestation ?? consensus ?? keys.peer ?? '',
        roles,
        attestation,
        consensus,
        log: keys.log === undefined ? undefined : readVkey(keys.log),
        cosigner: keys.cosigner === undefined ? undefined : readVkey(keys.cosigner),
      }
      return [name, [node]] as const
    }),
  )
}

/** The organisations that order and cosign, with those of their nodes that do. */
export function authoritiesOf(members: Members): [organisation: string, nodes: readonly MemberNode[]][] {
  const found: [string, readonly MemberNode[]][] = []
  for (const [organisation, nodes] of members) {
    const ordering = nodes.filter(({ roles }) => roles.includes('authority'))
    if (ordering.length > 0) found.push([organisation, ordering])
  }
  return found
}

/** The members after a change. @throws untrusted.change if it is none that these members could make */
export function withChangedMembers(members: Members, change: Change, origin: string): Members {
  switch (change.action) {
    case 'admit':
      return admitted(members, change.offer, origin)
    case 'remove':
      return removed(members, change.organisation, change.node)
    case 'rules':
      throw refused('wanted a change of members, found one of the rules')
  }
}

function admitted(members: Members, offer: Offer, origin: string): Members {
  const { body } = offer
  const present = members.get(body.organisation) ?? []
  if (body.network !== origin) throw refused(`wanted an offer to ${origin}, found one to ${body.network}`)
  const signed = signersOf(offer)
  for (const key of [body.keys.attestation, body.keys.consensus]) {
    if (key !== undefined && !signed.has(key))
      throw refused(`the offer of ${body.organisation} lacks the signature of ${key}`)
  }
  const welcome = present.some(
    ({ attestation, consensus }) => signed.has(attestation ?? '') || signed.has(consensus ?? ''),
  )
  if (present.length > 0 && !welcome) {
    throw refused(`the offer of a node of ${body.organisation} is not signed by one that is a member`)
  }
  const kept = body.replaces === undefined ? present : present.filter((node) => !isNamed(node, body.replaces))
  if (body.replaces !== undefined && kept.length === present.length) {
    throw refused(`${body.organisation} has no node ${body.replaces} to replace`)
  }
  const others = new Map(members).set(body.organisation, kept)
  const node = nodeOfOffer(offer, origin, [...others.values()].flat())
  return others.set(body.organisation, [...kept, node])
}

function removed(members: Members, organisation: string, node: string | undefined): Members {
  const present = members.get(organisation) ?? []
  const kept = node === undefined ? [] : present.filter((one) => !isNamed(one, node))
  if (kept.length === present.length) throw refused(`${organisation} has no such member to remove`)
  const after = new Map(members)
  if (kept.length > 0) after.set(organisation, kept)
  else after.delete(organisation)
  if (authoritiesOf(after).length === 0) throw refused('no authority would be left')
  return after
}

/**
 * The node that an offer describes. A note key that is malformed, of the wrong type or name, or another member's (under whatever name) is
 * left out: the network has voted for the node, so it is a member, but it must neither sign twice nor end the chain for everybody.
 * @throws untrusted.change if its attestation or consensus key is another member's
 */
function nodeOfOffer({ body }: Offer, origin: string, others: readonly MemberNode[]): MemberNode {
  const { attestation, consensus } = body.keys
  const taken = new Set(others.flatMap(keysOfNode))
  // A note key of others in this place does no harm, and the network lets such a node in: its change must not end the chain.
  const voices = new Set(others.flatMap((node) => [node.attestation, node.consensus]))
  const twice = [attestation, consensus].find((key) => key !== undefined && voices.has(key))
  if (twice !== undefined) throw refused(`the key ${twice} is that of another member`)
  const log = vkeyOf(body.keys.log, 'ed25519', taken)
  const cosigner = vkeyOf(body.keys.cosigner, 'cosignature', taken)
  const named = log?.name === origin ? log : undefined
  return { name: nodeOf(body), roles: body.roles, attestation, consensus, log: named, cosigner }
}

function vkeyOf(text: string | undefined, type: VkeyType, taken: ReadonlySet<string>): Vkey | undefined {
  if (text === undefined) return undefined
  try {
    const key = readVkey(text)
    return key.type === type && !taken.has(Buffer.from(key.publicKey).toString('hex')) ? key : undefined
  } catch (error) {
    if (isKind(error, 'usage')) return undefined
    throw error
  }
}

function signersOf({ body, proofs }: Offer): Set<string> {
  const message = offerMessage(body)
  const good = proofs.filter(({ key, signature }) =>
    verifyEd25519(Buffer.from(key, 'hex'), message, Buffer.from(signature, 'hex')),
  )
  return new Set(good.map(({ key }) => key))
}

function isNamed({ name, attestation, consensus }: MemberNode, wanted: string | undefined): boolean {
  return wanted !== undefined && (wanted === name || wanted === attestation || wanted === consensus)
}

function keysOfNode({ attestation, consensus, log, cosigner }: MemberNode): string[] {
  const vkeys = [log, cosigner].map((key) => key && Buffer.from(key.publicKey).toString('hex'))
  return [attestation, consensus, ...vkeys].filter((key) => key !== undefined)
}

function hexOf(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex')
}

function refused(found: string): AppError {
  return new AppError('untrusted.change', `a change of members: ${found}`)
}
