/**
 * One namespace per module.
 *
 * @since 0.1.0
 */
export * as Database from "./Database.ts"
export * as History from "./History.ts"
export * as Memory from "./Memory.ts"
export * as MemorySink from "./MemorySink.ts"
export * as MemoryTarget from "./MemoryTarget.ts"
export * as State from "./State.ts"
