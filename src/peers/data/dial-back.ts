/**
 * Reading from peers that cannot be dialled: they dial back, to the address the control plane observed, and are asked over that
 * connection (`4-network.md`, "Behind NAT"). Pairs connections that arrive with those who wait for them.
 */
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { ControlPlane } from '../neighbour.ts'
import type { PeerId } from '../peers.ts'

const WAITING_MAX = 64

/** Connections that peers make on request. */
export interface DialBacks {
  /** Asks the peer and waits for its connection. @throws unavailable.peer, exhausted.queue, aborted.caller */
  request(peerId: PeerId, signal: AbortSignal): Promise<TLSSocket>
  /** A peer dialled back; closed if nobody waits for it. */
  arrived(peerId: PeerId, socket: TLSSocket): void
}

/** Makes the waiting room. */
export function createDialBacks(
  options: { readonly timeoutMs: number },
  dependencies: { readonly control: Pick<ControlPlane, 'requestDialBack'>; readonly clock: Clock },
): DialBacks {
  const waiting: Array<{ readonly peerId: PeerId; readonly take: (socket: TLSSocket) => void }> = []
  return {
    async request(peerId, signal) {
      throwIfAborted(signal)
      if (waiting.length >= WAITING_MAX) throw new AppError('exhausted.queue', 'too many peers were asked to dial back')
      const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
      const entry = { peerId, take: resolve }
      const late = new AppError('unavailable.peer', `${peerId} did not dial back within ${options.timeoutMs} ms`)
      const cancel = dependencies.clock.after(options.timeoutMs, () => reject(late))
      const abort = (): void => reject(new AppError('aborted.caller', `waiting for ${peerId} to dial back`))
      signal.addEventListener('abort', abort, { once: true })
      waiting.push(entry)
      try {
        const asked = dependencies.control.requestDialBack(peerId, signal)
        asked.catch((cause: unknown) => {
          reject(new AppError('unavailable.peer', `asking ${peerId} to dial back`, { cause }))
        })
        return await promise
      } finally {
        cancel()
        signal.removeEventListener('abort', abort)
        const index = waiting.indexOf(entry)
        if (index >= 0) waiting.splice(index, 1)
      }
    },
    arrived(peerId, socket) {
      const index = waiting.findIndex((one) => one.peerId === peerId)
      const entry = waiting[index]
      if (entry === undefined) {
        socket.destroy()
        return
      }
      waiting.splice(index, 1)
      entry.take(socket)
    },
  }
}
