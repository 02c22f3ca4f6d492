/**
 * The one error class and the one table of error codes.
 * Every part throws `AppError` with a code of this table; the edges (http, cli) turn its kind into a status or an exit code.
 * `docs/reference/errors.md` is generated from here, and a test demands that each code is documented, thrown and tested.
 */

/** How an error is to be treated; see the table in `5-style.md` ("Errors"). */
export type ErrorKind =
  | 'usage'
  | 'denied'
  | 'absent'
  | 'conflict'
  | 'exhausted'
  | 'unavailable'
  | 'untrusted'
  | 'damaged'
  | 'aborted'
  | 'bug'

/** What the edges do with a kind: HTTP status, CLI exit code, when to try again and whether the peer that caused it is blamed. */
export interface KindRow {
  readonly httpStatus: number
  readonly exitCode: number
  readonly retry: 'no' | 'after a re-read' | 'later' | 'elsewhere' | 'elsewhere only' | 'after repair'
  readonly blame: boolean
}

/** One row per kind. */
export const ERROR_KINDS: Readonly<Record<ErrorKind, KindRow>> = {
  usage: { httpStatus: 400, exitCode: 2, retry: 'no', blame: false },
  denied: { httpStatus: 403, exitCode: 3, retry: 'no', blame: false },
  absent: { httpStatus: 404, exitCode: 4, retry: 'no', blame: false },
  conflict: { httpStatus: 409, exitCode: 5, retry: 'after a re-read', blame: false },
  exhausted: { httpStatus: 429, exitCode: 6, retry: 'later', blame: false },
  unavailable: { httpStatus: 503, exitCode: 7, retry: 'elsewhere', blame: false },
  untrusted: { httpStatus: 502, exitCode: 8, retry: 'elsewhere only', blame: true },
  damaged: { httpStatus: 500, exitCode: 9, retry: 'after repair', blame: false },
  aborted: { httpStatus: 499, exitCode: 130, retry: 'no', blame: false },
  bug: { httpStatus: 500, exitCode: 70, retry: 'no', blame: false },
}

/** Every code that the product throws: `<kind>.<what>` and one sentence for the reference page. */
export const ERROR_CODES = {
  'usage.digest': 'A digest is not of the form algorithm:hex, or its length does not fit the algorithm.',
  'usage.purl': 'A package URL does not follow the purl specification.',
  'usage.range': 'An HTTP Range cannot be satisfied, or is not a single byte range.',
  'usage.request': 'A request names something that this endpoint does not understand.',
  'usage.config': 'A setting, flag or configuration file holds a value that is not allowed.',
  'usage.manifest': 'A piece manifest is malformed.',
  'usage.network': 'A network.json is malformed, or contradicts itself.',
  'usage.part':
    "A part of a network's founding, or a node's offer to join, is malformed, unsigned, or does not fit the others.",
  'usage.key': 'A public key, verifier key or seed is malformed, of low order, or not in its canonical form.',
  'usage.json': 'Bytes are not canonical JSON (RFC 8785), or hold more than is read.',
  'usage.log':
    'A tile, note, checkpoint, policy or proof file of a transparency log does not follow its specification.',
  'usage.entry': 'An entry of the log is of no known kind, malformed, or too large.',
  'usage.transaction': 'A transaction of the network is malformed or too large.',
  'usage.message': 'A message of a peer is malformed or too large.',
  'denied.policy': 'The policy of this node refuses the package.',
  'denied.network':
    'The trust network refused what this node asked it for, or only a member may ask: its rules, limits or keys do not allow it.',
  'denied.share': 'The upstream of this content is not shared with the one who asks.',
  'denied.origin': 'The Host or the site that a request comes from is not allowed.',
  'denied.token': 'The call changes the node and did not carry its API token.',
  'absent.blob': 'A blob is in neither the store, the peers nor upstream.',
  'absent.document': 'A document is known to no source that may be asked.',
  'absent.upstream': 'No upstream of this name is configured.',
  'absent.entry': 'The log has no such entry, or no tree of that size, as far as its newest checkpoint goes.',
  'absent.submission': 'Nothing was submitted to this node under that id.',
  'absent.network': 'The data directory has no trust network yet.',
  'absent.source': 'Nobody can read the source of a release in public, or it has none of the revisions that were said.',
  'absent.file': 'A file of a build is not there, or its path leads out of the build.',
  'absent.lockfile': 'A lockfile is not kept for offline use, or files of it are missing.',
  'conflict.running': 'Another process holds the data directory.',
  'conflict.port': 'A port that this node should listen on is taken by another program.',
  'conflict.network': 'The data directory belongs to a trust network already.',
  'conflict.recipe':
    'The recipe that this builder has for a package is none that the rules of the network list, so it does not build.',
  'conflict.changed': 'A file was changed by somebody else between being read and being written.',
  'exhausted.disk': 'The disk, or the share of it that the owner gave, is full.',
  'exhausted.size': 'A body is larger than its limit.',
  'exhausted.queue': 'A bounded queue is full.',
  'exhausted.quota': 'The upstream registry says that its rate limit is used up.',
  'unavailable.upstream': 'The upstream cannot be reached, failed, or its breaker is open.',
  'unavailable.peer': 'A peer cannot be reached, failed, or stalled.',
  'unavailable.beacon': 'A round of the randomness beacon is not out yet, or none of its endpoints gives it.',
  'unavailable.node': 'The node of this data directory does not answer.',
  'unavailable.timeout': 'Something did not happen within its time limit.',
  'unavailable.storage':
    'The file system refused what should have worked: too many open files, or a missing permission.',
  'unavailable.source':
    'The source of a release cannot be had now: its host fails, is too slow, or git is not installed.',
  'unavailable.unconfirmed':
    'A cosigner must first ask others for the newest checkpoint that it signed; until then it signs nothing.',
  'unavailable.sandbox': 'No build can run on this machine: bubblewrap is missing, or may not make its namespaces.',
  'unavailable.offline': 'The node was started with --offline and must not ask upstream.',
  'untrusted.digest': 'Bytes do not hash to the digest that was asked for.',
  'untrusted.size': 'A body has another length than was stated.',
  'untrusted.signature': 'A signature, MAC or certificate does not verify.',
  'untrusted.origin': 'A checkpoint or proof is of another log than those that are trusted.',
  'untrusted.quorum': 'Too few of those whose word counts signed a checkpoint or voted for a change.',
  'untrusted.change': 'A change of members is out of order, or none that those members could make.',
  'untrusted.proof': 'A Merkle proof does not lead to the root that it is checked against.',
  'untrusted.reply': 'A reply does not follow the protocol of whoever gave it.',
  'untrusted.malformed': 'A proof to verify, or something in it, does not follow its format.',
  'untrusted.expired': 'The network that a proof is verified against has expired.',
  'untrusted.stale': 'A proof is older than what was asked for allows, or from the future, or its verdict has expired.',
  'untrusted.subject': 'A valid proof is about another package or artefact than the one at hand.',
  'untrusted.revoked': 'A proof shows that the package was withdrawn, or its verdict overturned.',
  'untrusted.entry': 'An entry of the log does not follow from the entries that it rests on.',
  'untrusted.builders': 'A verdict is not borne out by what its builders were selected for and signed.',
  'untrusted.attestation':
    'A signed statement does not follow its format, says more than is known, or something else than what it is to bear out.',
  'untrusted.verdict': 'A proof holds, and its verdict does not speak for the artefact.',
  'untrusted.source':
    'A source is not what it should be: a commit that is not what its id says or is of another repository, a tree that leads out of itself.',
  'untrusted.bundle': 'A bundle to import is malformed, cut short, or holds something else than it announces.',
  'untrusted.archive':
    'An archive is not what strict readers accept: readers could see different things in it, or its figures contradict each other.',
  'damaged.blob': 'A stored blob no longer has the bytes that were verified.',
  'damaged.identity': 'The key file of this node cannot be read or holds no Ed25519 key.',
  'damaged.snapshot':
    'A snapshot of the consensus state, or its journal, is cut short or has another root than it should.',
  'damaged.database': 'The metadata database cannot be read or has a schema of a newer version.',
  'damaged.cosigner':
    'The record of what a cosigner last signed is missing, unreadable, or older than what others hold: nothing is signed.',
  'damaged.log': 'The files of the log contradict each other, or the record of what was signed of it is missing.',
  'aborted.caller': 'The caller left before the work was done.',
  'aborted.shutdown': 'The node is shutting down.',
  'bug.assertion': 'Something that must hold did not: a bug in Pyrsia.',
} as const

/** A code of the table. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Facts for a person or a program; never secrets. */
export type ErrorData = Readonly<Record<string, string | number | boolean | undefined>>

/** The only error that Pyrsia throws on purpose. `message` says what was done, wanted and found; `cause` holds what lies below. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly data: ErrorData

  constructor(code: ErrorCode, message: string, options: { readonly data?: ErrorData; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.data = options.data ?? {}
  }

  /** The part of the code before the dot. */
  get kind(): ErrorKind {
    return this.code.slice(0, this.code.indexOf('.')) as ErrorKind
  }
}

/** True if `error` is an `AppError` of this kind. */
export function isKind(error: unknown, kind: ErrorKind): error is AppError {
  return error instanceof AppError && error.kind === kind
}

/** `error` itself if it is an `AppError`; else an `AppError` with `code` that has it as its cause. */
export function wrapError(error: unknown, code: ErrorCode, message: string, data: ErrorData = {}): AppError {
  return error instanceof AppError ? error : new AppError(code, message, { data, cause: error })
}

/** The messages of an error and of its causes, outermost first, for logs and the CLI. At most 8. */
export function errorChain(error: unknown): string[] {
  const messages: string[] = []
  for (let at: unknown = error; at !== undefined && at !== null && messages.length < 8; ) {
    messages.push(at instanceof Error ? at.message : String(at))
    at = at instanceof Error ? at.cause : undefined
  }
  return messages
}

/** Throws `bug.assertion` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AppError('bug.assertion', message)
}

/** Throws `aborted.caller` (with the signal's reason as cause) if `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw wrapError(signal.reason, 'aborted.caller', 'the caller left')
  }
}
