/** This node as a cosigner: its key, its memory of what it signed last, the own log that it keeps cosigned, and the witness. */
import { join } from 'node:path'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { errorChain } from '../../base/errors.ts'
import { makeVkey, readVkey, type Vkey } from '../../base/network/vkey.ts'
import { keepFresh } from '../../keep/keep-fresh.ts'
import { openCosignerStore } from '../../log/disk/cosigner.ts'
import type { LogWriter, TreeHead } from '../../log/log.ts'
import type { Turns } from '../../log/turns.ts'
import { cosignOwn } from '../../log/witness/cosign-own.ts'
import { createWitness, type Witness, type WitnessLog } from '../../log/witness/witness.ts'
import type { NodeNetwork } from '../network/node-network.ts'
import { openOnce } from './begun.ts'
import { orMend } from './or-mend.ts'

/** What the cosigner does. */
export interface NodeCosignerOptions {
  readonly directory: string
  /** The log that this node signs, which it cosigns as well. */
  readonly writer: LogWriter | undefined
  /** Logs that it witnesses; undefined: it is no witness. */
  readonly witnessed: readonly WitnessLog[] | undefined
  /** Sign nothing of the own log before `confirm`: others may know of something newer. */
  readonly confirmFirst: boolean
  /** Of all who add signatures to the newest checkpoint. */
  readonly turns: Turns
}

/** A cosigner at work. */
export interface NodeCosigner {
  readonly key: Vkey
  readonly witness: Witness | undefined
  /**
   * The newest checkpoint of the own log with this node's cosignature that others hold; undefined: they hold none. If it is newer
   * than what was remembered here, an old copy was restored, and nothing is cosigned any more. Never throws: `failure` says so.
   */
  confirm(newest: TreeHead | undefined): Promise<void>
  /** Why nothing is cosigned at present; undefined: all is well. */
  failure(): string | undefined
  close(): Promise<void>
}

/** Opens the memory, cosigns what stands, and goes on. @throws damaged.cosigner, damaged.identity, conflict.running, usage.config, unavailable.storage */
export async function openNodeCosigner(
  options: NodeCosignerOptions,
  { network, signers, keys, own }: NodeNetwork,
  dependencies: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Promise<NodeCosigner> {
  const { clock, random } = dependencies
  const signer = signers?.cosigner ?? keys.make('cosigner', random)
  const key = keyOf(own?.keys.cosigner, signer)
  const directory = join(options.directory, 'cosigner')
  const open = (create: boolean): ReturnType<typeof openCosignerStore> =>
    openCosignerStore({ directory, create, confirmFirst: options.confirmFirst })
  const store = await orMend(openOnce(`${keys.path('cosigner')}.begun`, open), 'cosigner')
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000)
  const { writer, witnessed } = options
  const cosign = (log: LogWriter): Promise<unknown> =>
    options.turns.take(() => cosignOwn({ log, store, key, signer, nowSeconds }))
  const { freshnessSeconds } = network
  const fresh =
    writer &&
    keepFresh({ ...dependencies, log: writer, cosigner: key.name, freshnessSeconds, cosign: () => cosign(writer) })
  await fresh?.settled()
  // Of other people's logs nobody but the log itself could say what was cosigned.
  for (const { origin } of witnessed ?? []) if (origin !== network.origin) await store.confirm(origin, undefined)
  return {
    key,
    async confirm(newest) {
      await store.confirm(network.origin, newest).catch((error) => {
        dependencies.logger.error({ cause: errorChain(error) }, 'nothing is cosigned any more')
      })
      await fresh?.again()
    },
    witness: witnessed && createWitness({ key, logs: witnessed }, { store, signer, nowSeconds }),
    failure: () => fresh?.failure(),
    async close() {
      await fresh?.stop()
      store.close()
    },
  }
}

/** The key of network.json if it is this signer's; else one under a name of its own. */
function keyOf(vkey: string | undefined, signer: Signer): Vkey {
  const named = vkey === undefined ? undefined : readVkey(vkey)
  if (named !== undefined && Buffer.compare(named.publicKey, signer.publicKey) === 0) return named
  const name = `witness/${Buffer.from(signer.publicKey).toString('hex').slice(0, 32)}`
  return makeVkey(name, 'cosignature', signer.publicKey)
}
