/**
 * Commands that an application mounts.
 *
 * @since 0.1.0
 */
export * as Configuration from "./Configuration.ts"
export * as ConfigurationFile from "./ConfigurationFile.ts"
export * as ConfigurationRotation from "./ConfigurationRotation.ts"
export * as ConfigurationSecret from "./ConfigurationSecret.ts"
export * as ConfigurationText from "./ConfigurationText.ts"
export * as Connection from "./Connection.ts"
export * as DetectionFile from "./DetectionFile.ts"
export * as Detections from "./Detections.ts"
export * as Feed from "./Feed.ts"
export * as Problem from "./Problem.ts"
export * as Report from "./Report.ts"
export * as Text from "./Text.ts"
export { Application } from "./Application.ts"
export { connection } from "./ConnectionCommand.ts"
export { plan } from "./PlanCommand.ts"
export { sync } from "./SyncCommand.ts"
