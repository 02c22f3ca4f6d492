/** Why a transaction changes nothing but its sender's sequence. Such a transaction is not logged; what is wrong and provable is a fault. */
export type Refusal =
  /** For another network. */
  | 'network'
  /** The key is no present member's, or not one for this. */
  | 'key'
  /** The sequence is not higher than the last. */
  | 'sequence'
  | 'signature'
  /** No canonical package URL. */
  | 'purl'
  | 'size'
  /** The organisation's limits are used up. */
  | 'limit'
  /** The package has an open request, or a verdict that holds, or is withdrawn. */
  | 'open'
  | 'live'
  | 'revoked'
  /** Three attempts in 30 days. */
  | 'attempts'
  /** No draw waits for this round, or the beacon did not give that. */
  | 'round'
  | 'beacon'
  /** No such request, verdict or change. */
  | 'unknown'
  /** The phase for it has not come, is over, or the same was said before. */
  | 'early'
  | 'late'
  | 'repeated'
  /** Not on the panel, and that was logged already; a standby that is not called yet; a seat that lost its vote. */
  | 'seat'
  /** The change contradicts the members as they are. */
  | 'change'
