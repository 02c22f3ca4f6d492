/**
 * An authority's cosignature on the log that it keeps in full: no request, no proof from elsewhere, but the same rule as for any
 * witness. What was cosigned last is replaced on the disk before anything is signed, and only by a tree that begins with it.
 */
import type { Signer } from '../../base/crypto/ed25519.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { AcceptedCheckpoint, CosignerStore, LogStore } from '../log.ts'
import { cosign } from '../note/cosignature.ts'
import { formatNote, parseNote } from '../note/note.ts'
import { verifyConsistency } from '../tree/proof.ts'

/** What cosigning the own log needs. */
export interface CosignOwnDependencies {
  readonly log: Pick<LogStore, 'origin' | 'newest' | 'consistency' | 'publish'>
  readonly store: Pick<CosignerStore, 'last' | 'advance'>
  readonly key: Vkey
  readonly signer: Signer
  readonly nowSeconds: () => number
}

/**
 * Cosigns the newest checkpoint, with the present time, and publishes it; undefined if there is none yet. Called again for the
 * same one it renews the time.
 * @throws untrusted.proof if the log does not begin with what was cosigned last; conflict.changed if somebody else cosigned or
 * published meanwhile; errors of the store
 */
export async function cosignOwn(dependencies: CosignOwnDependencies): Promise<AcceptedCheckpoint | undefined> {
  const { log, store, key, signer, nowSeconds } = dependencies
  const newest = log.newest()
  if (newest === undefined) return undefined
  const { origin, size, root } = newest
  const last = store.last(origin)
  if (last !== undefined && last.size > 0) {
    const proof = last.size >= size ? [] : await log.consistency(last.size, size)
    verifyConsistency({ size1: last.size, root1: last.root, size2: size, root2: root, proof })
  }
  await store.advance(origin, last, { size, root })
  const note = parseNote(Buffer.from(newest.note, 'utf8'))
  const timeSeconds = nowSeconds()
  const others = note.signatures.filter((line) => line.name !== key.name || Buffer.compare(line.keyId, key.keyId) !== 0)
  const signatures = [...others, cosign(note.text, key.name, signer, timeSeconds)]
  const cosignatures = [...newest.cosignatures.filter(({ name }) => name !== key.name), { name: key.name, timeSeconds }]
  const bytes = formatNote({ text: note.text, signatures })
  const checkpoint = { ...newest, note: Buffer.from(bytes).toString('utf8'), cosignatures }
  await log.publish(checkpoint)
  return checkpoint
}
