/** What an end-to-end test shows of a verdict at its end: its proof holds without a node and without a network, for these bytes and for no others. */
import assert from 'node:assert/strict'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PYRSIA } from './node-process.ts'
import { type Finished, run, until } from './process.ts'
import type { RealNetwork } from './real-network.ts'

/** What is to be proven. */
export interface OfflineProof {
  readonly network: RealNetwork
  /** Where its own folder is made. */
  readonly directory: string
  readonly purl: string
  readonly name: string
  readonly bytes: Uint8Array
  /** Whether builders sign a summary of this verdict. */
  readonly summarised: boolean
}

/** Shows it with `pyrsia proof`, `verify` and `attest verify`. */
export async function provesOffline({
  network,
  directory,
  purl,
  name,
  bytes,
  summarised,
}: OfflineProof): Promise<void> {
  const elsewhere = join(directory, 'elsewhere')
  await mkdir(elsewhere)
  const at = (file: string): string => join(elsewhere, file)
  await copyFile(network.trust.file, at('network.json'))
  await writeFile(at(name), bytes)
  const offline = (...words: string[]): Promise<Finished> =>
    run(PYRSIA, [...words, '--network', at('network.json'), '--json'])
  await until('a proof with all that builders signed', async () => {
    await network.node().json('proof', purl, '-o', at('proof.json'))
    const attested = await offline('attest', 'verify', at('proof.json'), '--artifact', at(name))
    assert.equal(attested.code, 0, attested.stdout + attested.stderr)
    return !summarised || /SLSA_BUILD_REPRODUCED/.test(attested.stdout)
  })
  const verify = (): Promise<Finished> =>
    offline('verify', at(name), '--proof', at('proof.json'), '--purl', purl, '--data', at('none'))
  const verified = await verify()
  assert.equal(verified.code, 0, verified.stderr)
  await writeFile(at(name), Buffer.concat([bytes, Buffer.from('!')]))
  assert.equal((await verify()).code, 8, 'it is no proof of other bytes')
}
