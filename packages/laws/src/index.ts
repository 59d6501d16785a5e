/**
 * Property tests for anybody's source, sink, differ, cursor rule or store, in any
 * test runner.
 *
 * @since 0.1.0
 */
export * as Chain from "./Chain.ts"
export * as Check from "./Check.ts"
export { engineLaws } from "./EngineLaws.ts"
export { verifyInbox, verifyOutbox } from "./EventLaws.ts"
export * as EventStore from "./events/EventStore.ts"
export * as Fault from "./Fault.ts"
export * as Faulty from "./Faulty.ts"
export * as GivenSource from "./GivenSource.ts"
export * as History from "./History.ts"
export * as Interleaving from "./Interleaving.ts"
export * as Law from "./Law.ts"
export * as Place from "./Place.ts"
export * as Records from "./Records.ts"
export * as Poison from "./Poison.ts"
export * as Reference from "./Reference.ts"
export * as Rounds from "./Rounds.ts"
export * as Scenarios from "./Scenarios.ts"
export * as Simulation from "./Simulation.ts"
export * as Store from "./Store.ts"
export { agreement, portLaws, verifyStore } from "./StoreLaws.ts"
export * as Time from "./Time.ts"
export * as Upstream from "./Upstream.ts"
export * as World from "./World.ts"
export * as WorldSource from "./WorldSource.ts"
export { verifyCursorRule } from "./CursorRuleLaws.ts"
export { verifyDiffer } from "./DifferLaws.ts"
export { verifySink } from "./SinkLaws.ts"
export { verifySource } from "./SourceLaws.ts"
