import { sandboxSuite, suiteScript } from '../../test/kit/sandbox-suite.ts'
import { systemClock } from '../main/effects.ts'
import { createFakeSandbox } from './fake.ts'

sandboxSuite('the twin', {}, async () => createFakeSandbox(suiteScript, { clock: systemClock }))
