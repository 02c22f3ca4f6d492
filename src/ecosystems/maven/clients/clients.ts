/** The stock clients of this ecosystem. */
import type { ClientSetup } from '../../ecosystem.ts'

/** Maven itself. */
export const mavenClients: readonly ClientSetup[] = []
