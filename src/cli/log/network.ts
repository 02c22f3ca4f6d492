/** `pyrsia network` and `pyrsia keys`: whose word this node takes, and with which keys it speaks itself. No node need run. */
import type { Organisation } from '../../base/network/network.ts'
import type { CliContext, CommonOptions, KeysReport, NetworkReport } from '../context.ts'
import { json, plainText, showSeconds } from '../format.ts'

/** Options of `network init`. */
export interface NetworkInitOptions extends CommonOptions {
  readonly name?: string
}

/** Makes a solo network. @throws conflict.network, usage.network, usage.config, unavailable.storage */
export async function networkInit(context: CliContext, options: NetworkInitOptions): Promise<void> {
  const made = await context.networks.init({ name: options.name, data: options.data })
  context.out(options.json ? json(made) : networkText(made, context.nowMs()))
}

/** Shows a network. @throws absent.network, usage.network, usage.key, usage.config */
export async function networkShow(
  context: CliContext,
  file: string | undefined,
  options: CommonOptions,
): Promise<void> {
  const found = await context.networks.show({ file, data: options.data })
  context.out(options.json ? json(found) : networkText(found, context.nowMs()))
}

/** Shows the keys. @throws usage.config, damaged.identity */
export async function keys(context: CliContext, options: CommonOptions): Promise<void> {
  const found = await context.networks.keys(options.data)
  context.out(options.json ? json(found) : keysText(found))
}

/** A network for people. */
export function networkText({ file, network, digest, solo, notes }: NetworkReport, nowMs: number): string {
  const { k, of } = network.quorum
  const { beacon } = network
  const left = network.expires - nowMs / 1000
  const lines = [
    `Network    ${network.name} (log ${network.origin})`,
    `File       ${file}`,
    `Digest     ${digest}`,
    `Worth      ${solo ? 'what it says was built once, by you: nobody else vouches for it' : `${k} of ${of} authorities make a checkpoint count`}`,
    `Valid      ${left > 0 ? `until ${day(network.expires)}` : `no longer: it expired ${showSeconds(-left)} ago, on ${day(network.expires)}`}`,
    `Fresh      a checkpoint counts as the latest for ${showSeconds(network.freshnessSeconds)}`,
    `Beacon     ${beacon.kind === 'drand' ? `drand ${beacon.chainHash.slice(0, 16)}…, every ${beacon.periodSeconds} s` : 'local: randomness of its own, unfit for strangers'}`,
    `Checkpoint ${network.checkpoint === undefined ? 'none pinned' : `of ${network.checkpoint.split('\n')[1] ?? '?'} entries pinned`}`,
    ...network.organisations.flatMap(organisationLines),
    ...network.bootstrap.map((address) => `Bootstrap  ${address}`),
    ...notes.map((note) => `! ${note}`),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function organisationLines({ name, roles, keys: own }: Organisation): string[] {
  const shown = Object.entries(own).filter(([, key]) => key !== undefined)
  return [`${name}: ${roles.join(', ')}`, ...shown.map(([role, key]) => `  ${role.padEnd(11)} ${key}`)]
}

function keysText({ keys: found }: KeysReport): string {
  const parts = found.map(({ role, file, publicKey, text, does, lost, copied }) => {
    const lines = [
      `${role}: ${does}`,
      `  file      ${file}${publicKey === undefined ? ' (not there)' : ''}`,
      ...(text === undefined ? [] : [`  public    ${text}`]),
      `  if lost   ${lost}`,
      `  if copied ${copied}`,
    ]
    return `${lines.map(plainText).join('\n')}\n`
  })
  return `${parts.join('')}Back the files up, and let nobody read them.\n`
}

function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10)
}
