/**
 * Dials a peer's data plane: TLS 1.3 with this node's certificate, and nothing is sent before the other side's key was found to
 * be the one that its peer id names. Adapter: uses node:tls.
 */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { AppError, errorChain, throwIfAborted, wrapError } from '../../../base/errors.ts'
import type { PeerId } from '../../peers.ts'
import { type CertificatePair, publicKeyOfCertificate } from '../wire/certificate.ts'

/** ALPN protocol of the data plane: the one who dials sends the requests. */
export const ALPN_FORWARD = 'http/1.1'
/** ALPN protocol of a dial-back: the one who was dialled sends the requests. */
export const ALPN_BACK = 'pyrsia-back/1'
/** The cheapest cipher with hardware support first; all are TLS 1.3's. */
export const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

const RECEIVE_BUFFER_BYTES = 65_536

/** Whom to dial, and who must answer. */
export interface DialTarget {
  readonly peerId: PeerId
  readonly publicKey: Uint8Array
  /** IP literals, tried in order. */
  readonly hosts: readonly string[]
  readonly port: number
}

/** Called with each received chunk, which is overwritten after the call returned; `false` asks for a pause. */
export type ChunkListener = (chunk: Buffer) => boolean

/** The client side of every TLS connection to one or many peers: made once, because parsing keys is slow. */
export function clientContext(pair: CertificatePair): SecureContext {
  return createSecureContext({
    cert: pair.certificate,
    key: pair.privateKey,
    minVersion: 'TLSv1.3',
    ciphers: CIPHERS,
  })
}

/**
 * A connection whose other side proved to be `target.peerId`. With `onChunk`, received bytes go there through one static
 * buffer and the socket emits no data.
 * @throws unavailable.peer if no host answers within `timeoutMs` each; untrusted.signature if another peer answers; aborted.caller
 */
export async function dialPeer(
  target: DialTarget,
  options: {
    readonly context: SecureContext
    readonly alpn: typeof ALPN_FORWARD | typeof ALPN_BACK
    readonly timeoutMs: number
    readonly onChunk?: ChunkListener
    readonly signal: AbortSignal | undefined
  },
): Promise<TLSSocket> {
  let failure: unknown
  for (const host of target.hosts) {
    throwIfAborted(options.signal)
    try {
      return await dialHost(target, host, options)
    } catch (error) {
      throwIfAborted(options.signal)
      failure = error
    }
  }
  if (failure instanceof AppError) throw failure
  const reason = errorChain(failure)[0] ?? 'it has no address'
  throw new AppError('unavailable.peer', `dialling the data plane of ${target.peerId}: ${reason}`, { cause: failure })
}

function dialHost(target: DialTarget, host: string, options: Parameters<typeof dialPeer>[1]): Promise<TLSSocket> {
  const { onChunk, signal } = options
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: target.port,
      secureContext: options.context,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [options.alpn],
      // The certificate is self-signed; the key is compared below, before anything is sent.
      rejectUnauthorized: false,
      timeout: options.timeoutMs,
      ...(onChunk && {
        onread: {
          buffer: Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES),
          callback: (count: number, buffer: Uint8Array) => onChunk((buffer as Buffer).subarray(0, count)),
        },
      }),
    })
    const fail = (error: unknown): void => {
      signal?.removeEventListener('abort', abort)
      socket.removeAllListeners('timeout')
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const abort = (): void => fail(wrapError(signal?.reason, 'aborted.caller', `dialling ${target.peerId}`))
    signal?.addEventListener('abort', abort, { once: true })
    socket.once('error', fail)
    socket.once('timeout', () => fail(new Error(`${host} did not answer within ${options.timeoutMs} ms`)))
    socket.once('secureConnect', () => {
      const found = publicKeyOfCertificate(socket.getPeerX509Certificate())
      if (
        found === undefined ||
        Buffer.compare(found, target.publicKey) !== 0 ||
        socket.alpnProtocol !== options.alpn
      ) {
        fail(new AppError('untrusted.signature', `dialled ${target.peerId} at ${host}, found somebody else`))
        return
      }
      signal?.removeEventListener('abort', abort)
      socket.removeListener('error', fail)
      socket.removeAllListeners('timeout')
      socket.setTimeout(0)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}
