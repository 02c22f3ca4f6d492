/** A process that runs a step which does not end, to be killed: `sandbox-victim.ts DATA MARK`. */
import { openRealSandbox } from './real-sandbox.ts'
import { jobOptions, shellStep } from './sandbox-suite.ts'

const [data, mark] = process.argv.slice(2) as [string, string]
const { sandbox } = await openRealSandbox(data)
const job = await sandbox.job(jobOptions())
await job.run(shellStep('sleep', `setsid sleep ${mark} & sleep ${mark}`), new AbortController().signal)
