/**
 * The libp2p host: which modules it is made of and every bound that is set on purpose (`4-network.md`, "Two planes"; DESIGN.md
 * says why each differs from the default). Nothing is dialled and nothing is listened to but what the options name.
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p, PeerId as Libp2pPeerId } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { networkTag, swarmKey } from '../../membership.ts'
import { hostOf } from '../../record.ts'
import type { ControlLimits, ControlTiming } from '../options.ts'
import { GOSSIP_BYTES_MAX } from '../topics.ts'

/** For how long gossipsub remembers how a peer that left behaved. */
const SCORE_KEPT_MS = 600_000

/** The host's own services. */
export type Host = Libp2p<{ identify: Identify; ping: Ping; pubsub: GossipSub }>

/** What a host is made from. */
export interface HostOptions {
  /** Ed25519 seed and public key, 64 bytes. */
  readonly privateKey: Uint8Array
  readonly listen: readonly string[]
  readonly networkKey: Uint8Array | undefined
  readonly mdns: boolean
  readonly limits: ControlLimits
  readonly timing: ControlTiming
  /** False: no connection with this peer, from whichever side. */
  readonly welcome: (peerId: string) => boolean
}

/** A host that has not started yet. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { limits, timing, networkKey } = options
  const unwelcome = (peerId: Libp2pPeerId) => !options.welcome(peerId.toString())
  const findsOnLan = options.mdns && options.listen.some((address) => !isLoopback(address))
  const tag = networkKey === undefined ? 'pyrsia' : `pyrsia-${networkTag(networkKey)}`
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(options.privateKey),
    nodeInfo: { name: 'pyrsia', version: '1', userAgent: 'pyrsia/1' },
    addresses: { listen: [...options.listen], announceFilter: withoutNeedlessLoopback },
    transports: [tcp({ maxConnections: limits.connectionsMax * 2, backlog: 128 })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: limits.streamsMax, maxOutboundStreams: limits.streamsMax })],
    ...(networkKey === undefined ? {} : { connectionProtector: preSharedKey({ psk: swarmKey(networkKey) }) }),
    peerDiscovery: findsOnLan ? [mdns({ interval: timing.mdnsMs, serviceTag: `_${tag}._udp.local` })] : [],
    connectionGater: {
      denyDialPeer: unwelcome,
      denyInboundEncryptedConnection: unwelcome,
      denyOutboundEncryptedConnection: unwelcome,
    },
    connectionManager: {
      maxConnections: limits.connectionsMax,
      inboundConnectionThreshold: limits.inboundPerSecondMax,
      maxIncomingPendingConnections: limits.inboundPendingMax,
      maxParallelDials: limits.dialsMax,
      maxDialQueueLength: limits.dialQueueMax,
      dialTimeout: timing.dialTimeoutMs,
      addressDialTimeout: Math.ceil(timing.dialTimeoutMs / 2),
      inboundUpgradeTimeout: timing.dialTimeoutMs,
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: timing.pingMs,
      pingTimeout: { minTimeout: timing.pingTimeoutMs / 2, maxTimeout: timing.pingTimeoutMs },
    },
    services: {
      identify: identify({ protocolPrefix: 'pyrsia' }),
      ping: ping(),
      pubsub: gossipsub({
        globalSignaturePolicy: 'StrictSign',
        fallbackToFloodsub: false,
        allowPublishToZeroTopicPeers: true,
        emitSelf: false,
        doPX: false,
        maxInboundDataLength: 8 * GOSSIP_BYTES_MAX,
        maxOutboundBufferSize: 64 * GOSSIP_BYTES_MAX,
        maxTopicBytesPerPeer: 256 * 1024,
        // By default whoever shares an address with more than ten others is not listened to any more: an office, a test.
        scoreParams: { IPColocationFactorWeight: 0, retainScore: SCORE_KEPT_MS },
      }),
    },
  })
}

/** True if a multiaddr is of this machine's loopback. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address)
  return host === '::1' || host?.startsWith('127.') === true
}

/** Who listens more widely need not tell others, on whose machine it means something else, that it is at 127.0.0.1. */
function withoutNeedlessLoopback(addresses: Multiaddr[]): Multiaddr[] {
  const wide = addresses.filter((address) => !isLoopback(address.toString()))
  return wide.length > 0 ? wide : addresses
}
