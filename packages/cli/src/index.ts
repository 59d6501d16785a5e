/**
 * Commands that an application mounts.
 *
 * @since 0.1.0
 */
export * as DetectionFile from "./DetectionFile.ts"
export * as Detections from "./Detections.ts"
export * as Feed from "./Feed.ts"
export * as Problem from "./Problem.ts"
export * as Report from "./Report.ts"
export * as Text from "./Text.ts"
export * as Yaml from "./Yaml.ts"
export { Application } from "./Application.ts"
export { plan } from "./PlanCommand.ts"
export { sync } from "./SyncCommand.ts"
