/** With whom content may be shared: a property of the upstream it came from (`3-registries.md`, "All of them"). Pure. */

/** `none`: nobody; `lan`: peers of the same subnet; `network`: any connected peer (with a private network: its members only); `world`: also a DHT. */
export type ShareLevel = 'none' | 'lan' | 'network' | 'world'

/** The levels, least first. */
export const SHARE_LEVELS: readonly ShareLevel[] = ['none', 'lan', 'network', 'world']

/** What is known of the peer that asks. */
export interface Asker {
  readonly peerId: string
  /** Its connection comes from a subnet that one of this node's interfaces is on. */
  readonly sameSubnet: boolean
  /** This node is in a private network and the peer proved that it is a member. */
  readonly member: boolean
}

/** True if content of this level may be shown or sent to `asker`; `privateNetwork` says whether this node has a network key. */
export function mayShare(level: ShareLevel, asker: Asker, privateNetwork: boolean): boolean {
  if (level === 'none') return false
  if (privateNetwork && !asker.member) return false
  return level === 'lan' ? asker.sameSubnet : true
}

/** The more open of two levels: content found at a public upstream is public wherever else it was found. */
export function widerShare(a: ShareLevel, b: ShareLevel): ShareLevel {
  return SHARE_LEVELS.indexOf(a) >= SHARE_LEVELS.indexOf(b) ? a : b
}

/** The less open of two levels: what was stored under one is shown under the one in force. */
export function narrowerShare(a: ShareLevel, b: ShareLevel): ShareLevel {
  return widerShare(a, b) === a ? b : a
}
