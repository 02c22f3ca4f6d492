/**
 * A builder as a program of its own, so that a test can set it up as it likes (umask, time zone, locale, host name, folder): takes
 * `{options, asked}` as JSON and prints what came of it, bytes by digest.
 */
import { openRealRebuild, type RealRebuildOptions, type RebuildAsked } from './real-rebuild.ts'

const { options, asked } = JSON.parse(process.argv[2] ?? '') as {
  readonly options: RealRebuildOptions
  readonly asked: readonly RebuildAsked[]
}
const builder = await openRealRebuild(options)
const done: unknown[] = []
for (const each of asked) {
  const startedMs = performance.now()
  const { built, log } = await builder.run(each)
  done.push({ purl: each.purl, result: built.result, log, seconds: (performance.now() - startedMs) / 1000 })
}
await builder[Symbol.asyncDispose]()
process.stdout.write(JSON.stringify(done))
