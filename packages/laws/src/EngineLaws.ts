/**
 * The laws of the engine over any store.
 *
 * ```ts
 * for (const law of engineLaws(store)) it(law.name, () => law.check())
 * ```
 *
 * A case of a law is a generated world and what happened over it, played from an
 * empty subscription to its end.
 *
 * @since 0.1.0
 */
import type * as Law from "./Law.ts"
import { auditLaws } from "./engine/AuditLaws.ts"
import { externalLaws } from "./engine/ExternalLaws.ts"
import { parkingLaws } from "./engine/ParkingLaws.ts"
import { positionLaws } from "./engine/PositionLaws.ts"
import { recoveryLaws } from "./engine/RecoveryLaws.ts"
import { redriveLaws } from "./engine/RedriveLaws.ts"
import { refusalLaws } from "./engine/RefusalLaws.ts"
import { replayLaws } from "./engine/ReplayLaws.ts"
import { rivalLaws } from "./engine/RivalLaws.ts"
import type * as Simulation from "./Simulation.ts"
import type * as Store from "./Store.ts"

/**
 * All of them. `setup` may plant a fault in what surrounds the engine, to see a law
 * catch it.
 *
 * @category laws
 * @since 0.1.0
 */
export const engineLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  ...positionLaws(store, setup),
  ...recoveryLaws(store, setup),
  ...replayLaws(store, setup),
  ...refusalLaws(store, setup),
  ...redriveLaws(store, setup),
  ...parkingLaws(store, setup),
  ...auditLaws(store, setup),
  ...rivalLaws(store, setup),
  ...externalLaws(store, setup)
]
