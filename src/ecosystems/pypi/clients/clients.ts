/** The stock clients of this ecosystem: one file each. */
import type { ClientSetup } from '../../ecosystem.ts'
import { pip } from './pip.ts'
import { uv } from './uv.ts'

/** What `pyrsia setup` knows. */
export const pypiClients: readonly ClientSetup[] = [pip, uv]
