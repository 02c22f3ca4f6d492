import { after } from 'node:test'
import { needs } from '../kit/needs.ts'
import { openRealSandbox, type RealSandbox } from '../kit/real-sandbox.ts'
import { sandboxSuite } from '../kit/sandbox-suite.ts'

const opened: RealSandbox[] = []
after(async () => {
  for (const each of opened) await each[Symbol.asyncDispose]()
})

sandboxSuite('bubblewrap', needs('bubblewrap', 'python3'), async () => {
  const real = await openRealSandbox()
  opened.push(real)
  return real.sandbox
})
