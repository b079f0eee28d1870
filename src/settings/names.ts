export const EMBEDDABLE = ["postgres", "kafka", "chain"] as const
export type Embeddable = (typeof EMBEDDABLE)[number]

export const RELAY_NEWS = ["auto", "always", "never"] as const
export type RelayNews = (typeof RELAY_NEWS)[number]

export const ROLES = ["relay", "chain-writer", "projector", "write-back"] as const
export type Role = (typeof ROLES)[number]

export const SUBJECT_HASHINGS = ["hmac", "as-stored"] as const
export type SubjectHashing = (typeof SUBJECT_HASHINGS)[number]

export const PATIENT_KEYS = ["view", "sync"] as const
export type PatientKey = (typeof PATIENT_KEYS)[number]
