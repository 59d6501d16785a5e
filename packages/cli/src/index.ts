/**
 * Commands that an application mounts.
 *
 * @since 0.1.0
 */
export * as Feed from "./Feed.ts"
export * as MigrateCommand from "./MigrateCommand.ts"
export * as Output from "./Output.ts"
export * as Problem from "./Problem.ts"
export * as Report from "./Report.ts"
export * as QuarantineReport from "./QuarantineReport.ts"
export * as RedriveReport from "./RedriveReport.ts"
export * as RunReport from "./RunReport.ts"
export * as StatusReport from "./StatusReport.ts"
export * as Store from "./Store.ts"
export * as Table from "./Table.ts"
export * as Text from "./Text.ts"
export { Application } from "./Application.ts"
export { migrate } from "./MigrateCommand.ts"
export { plan } from "./PlanCommand.ts"
export { quarantine } from "./QuarantineCommand.ts"
export { runs } from "./RunsCommand.ts"
export { status } from "./StatusCommand.ts"
export { sync } from "./SyncCommand.ts"
