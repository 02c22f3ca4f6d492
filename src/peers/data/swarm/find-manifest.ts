/**
 * Gets a piece manifest for a transfer: one whose signer's word counts, if any provider has it; else the one that most providers
 * agree on, which lets bad pieces be noticed but proves nothing.
 */
import type { Logger } from '../../../base/clock.ts'
import { type BlobId, hexOf } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { canHashPieces } from '../../../base/piece-hash.ts'
import type { PieceManifest } from '../../../base/pieces.ts'
import type { PeerFault, PeerId, PeerTrust } from '../../peers.ts'
import type { PeerClient } from '../client/peer-client.ts'
import { PATHS } from '../wire/messages.ts'
import { openManifest, signedManifestBytes } from '../wire/signed-manifest.ts'

const ASKED_MAX = 3

/** A manifest and what it is worth. */
export interface FoundManifest {
  readonly manifest: PieceManifest
  readonly signer: PeerId
  readonly vouched: boolean
}

/**
 * Asks up to 3 of these providers, trusted ones first. Malformed and badly signed manifests are blamed; undefined if none has one.
 * @throws aborted.caller
 */
export async function findManifest(
  blob: { readonly id: BlobId; readonly sizeBytes: number },
  clients: readonly PeerClient[],
  options: { readonly signal: AbortSignal },
  dependencies: {
    readonly trustOf: (peerId: PeerId) => PeerTrust
    readonly blame: (peerId: PeerId, fault: Omit<PeerFault, 'atMs'>) => void
    readonly logger: Logger
  },
): Promise<FoundManifest | undefined> {
  const { trustOf } = dependencies
  const trusted = clients.filter((client) => trustOf(client.peerId) !== 'stranger')
  const asked = trusted.length > 0 ? trusted : clients
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  try {
    const found: FoundManifest[] = []
    const waves = [asked, clients.filter((client) => !asked.includes(client))]
    for (const wave of waves) {
      const first = await firstVouched(
        wave.slice(0, ASKED_MAX).map((client) => askOne(blob, client, signal, dependencies)),
        found,
      )
      if (first !== undefined) return first
      if (found.length > 0) break
    }
    return mostAgreed(found)
  } finally {
    stop.abort(new AppError('aborted.caller', 'a manifest was found'))
  }
}

async function askOne(
  blob: { readonly id: BlobId; readonly sizeBytes: number },
  client: PeerClient,
  signal: AbortSignal,
  { trustOf, blame, logger }: Parameters<typeof findManifest>[3],
): Promise<FoundManifest | undefined> {
  const about = `the pieces of ${blob.id}`
  try {
    const request = { method: 'GET', path: `${PATHS.pieces}${hexOf(blob.id)}`, headers: {} } as const
    const reply = await client.ask(request, { bytesMax: signedManifestBytes(blob.sizeBytes), signal })
    if (reply.status !== 200) return undefined
    const { manifest, signer } = openManifest(reply.body, blob.id, blob.sizeBytes)
    if (!canHashPieces(manifest.algorithm)) return undefined
    return { manifest, signer, vouched: trustOf(signer) !== 'stranger' }
  } catch (error) {
    logger.debug({ peerId: client.peerId, error: String(error) }, 'no piece manifest')
    const code = error instanceof AppError ? error.code : undefined
    if (code === 'usage.manifest' || code === 'untrusted.signature' || code === 'exhausted.size') {
      blame(client.peerId, { kind: 'bad-message', about })
    }
    return undefined
  }
}

/** Resolves at the first vouched manifest, or when all have answered; gathers what came. */
function firstVouched(
  asked: ReadonlyArray<Promise<FoundManifest | undefined>>,
  found: FoundManifest[],
): Promise<FoundManifest | undefined> {
  return new Promise((resolve) => {
    let open = asked.length
    if (open === 0) resolve(undefined)
    for (const promise of asked) {
      void promise.then((answer) => {
        if (answer !== undefined) found.push(answer)
        open -= 1
        if (answer?.vouched) resolve(answer)
        else if (open === 0) resolve(undefined)
      })
    }
  })
}

function mostAgreed(found: readonly FoundManifest[]): FoundManifest | undefined {
  const votes = (one: FoundManifest): number =>
    found.filter((other) => Buffer.compare(one.manifest.hashes, other.manifest.hashes) === 0).length
  return found.toSorted((a, b) => votes(b) - votes(a))[0]
}
