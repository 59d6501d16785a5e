/**
 * A Salesforce org on this machine: `Simulator.make(options)` starts one.
 *
 * @since 0.1.0
 */
export * as App from "./App.ts"
export * as Control from "./Control.ts"
export * as Faults from "./Faults.ts"
export * as RecordId from "./RecordId.ts"
export * as Simulator from "./Simulator.ts"
export * as SimulatorError from "./SimulatorError.ts"
export * as Soql from "./Soql.ts"
export * as World from "./World.ts"
export { make, serve } from "./Simulator.ts"
