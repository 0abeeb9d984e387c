{{/*
Every section of values.yaml but image and config may be missing, so read a key as (.Values.section).key.
Helm before 3.9 evaluates each argument of and/or: a test in front does not protect what follows.
*/}}

{{- define "model.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* 52: leaves room for suffixes such as -config below Kubernetes' limit of 63. */}}
{{- define "model.fullname" -}}
{{- $name := include "model.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "model.tag" -}}
{{- $variant := (.Values.image).variant | default "sklearn" -}}
{{- $suffix := ternary "" (printf "-%s" $variant) (eq $variant "sklearn") -}}
{{- (.Values.image).tag | default (printf "%s%s" .Chart.AppVersion $suffix) -}}
{{- end }}

{{- define "model.image" -}}
{{- $repository := required "image.repository: missing" (.Values.image).repository -}}
{{- if (.Values.image).digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (include "model.tag" .) -}}
{{- end -}}
{{- end }}

{{/* Immutable in a Deployment: never add a key, never let one change. */}}
{{- define "model.selectorLabels" -}}
app.kubernetes.io/name: {{ include "model.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "model.labels" -}}
{{ include "model.selectorLabels" . }}
{{ include "model.commonLabels" . }}
{{- end }}

{{- define "model.commonLabels" -}}
app.kubernetes.io/version: {{ include "model.tag" . | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/part-of: model-deployment-app
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{/* Without the chart's version: a new one alone must not restart pods. */}}
{{- define "model.podLabels" -}}
{{- $version := include "model.tag" . | trunc 63 | trimAll "._-" -}}
{{- $labels := dict "app.kubernetes.io/version" $version "app.kubernetes.io/part-of" "model-deployment-app" -}}
{{- $selected := include "model.selectorLabels" . | fromYaml -}}
{{- $own := .Values.podLabels | default (dict "app" "model-serving") -}}
{{- mustMergeOverwrite $labels (deepCopy $own) $selected | toYaml -}}
{{- end }}

{{/* JSON: Helm's YAML writes 1e-05, which other readers take for text, and a million as 1e+06. */}}
{{- define "model.config" -}}
{{- $name := ternary dict (dict "name" .Chart.Name) (hasKey .Values.config "models") -}}
{{- mustMergeOverwrite $name (deepCopy .Values.config) | toPrettyJson -}}
{{- end }}

{{/* What is said of each model: config.models, or config itself as the only one. An object: fromJson takes no list. */}}
{{- define "model.served" -}}
{{- $config := include "model.config" . | fromJson -}}
{{- dict "models" ($config.models | default (list $config)) | toJson -}}
{{- end }}

{{/*
Where the first Ingress path leads; the server answers under it and without it. Of a pattern, such as /iris(/|$)(.*), it is the
whole parts in front that are literal.
*/}}
{{- define "model.rootPath" -}}
{{- if (.Values.ingress).enabled -}}
{{- $path := first (first .Values.ingress.hosts).paths -}}
{{- if eq ($path.pathType | default "Prefix") "ImplementationSpecific" -}}
{{- $literal := `^(/(\\?\.?[A-Za-z0-9_~@:%-])+)+` -}}
{{- $path.path | regexFind (printf `%s(/|\(/|\(\?:/|\$|$)` $literal) | regexFind $literal | replace `\` "" -}}
{{- else -}}
{{- $path.path | trimSuffix "/" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "model.serviceAccountName" -}}
{{- $default := ternary (include "model.fullname" .) "default" ((.Values.serviceAccount).create | default false) -}}
{{- (.Values.serviceAccount).name | default $default -}}
{{- end }}

{{/* Zero is a choice, a missing key is not. */}}
{{- define "model.preStopSeconds" -}}
{{- ternary 10 .Values.preStopSeconds (kindIs "invalid" .Values.preStopSeconds) | int -}}
{{- end }}

{{- define "model.replicas" -}}
{{- ternary 1 .Values.replicaCount (kindIs "invalid" .Values.replicaCount) | int -}}
{{- end }}

{{/* A GPU is rarely free for one pod more: a surge would wait for it for ever. */}}
{{- define "model.strategy" -}}
{{- if .Values.strategy -}}
{{ toYaml .Values.strategy }}
{{- else if not (.Values.gpu).enabled -}}
type: RollingUpdate
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- else if gt (include "model.replicas" . | int) 1 -}}
type: RollingUpdate
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else -}}
type: Recreate
{{- end -}}
{{- end }}

{{- define "model.resources" -}}
{{- $resources := deepCopy (.Values.resources | default dict) -}}
{{- if (.Values.gpu).enabled -}}
{{- $gpus := dict (.Values.gpu.resourceName | default "nvidia.com/gpu") (.Values.gpu.count | default 1 | int) -}}
{{- $resources = mustMergeOverwrite $resources (dict "requests" $gpus "limits" (deepCopy $gpus)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{- define "model.nodeSelector" -}}
{{- $selector := dict -}}
{{- if (.Values.gpu).enabled -}}
{{- $selector = deepCopy (.Values.gpu.nodeSelector | default dict) -}}
{{- end -}}
{{- with mustMergeOverwrite $selector (deepCopy (.Values.nodeSelector | default dict)) -}}{{ toYaml . }}{{- end -}}
{{- end }}

{{- define "model.tolerations" -}}
{{- $tolerations := .Values.tolerations | default list -}}
{{- if (.Values.gpu).enabled -}}
{{- $tolerations = concat (.Values.gpu.tolerations | default list) $tolerations -}}
{{- end -}}
{{- with $tolerations -}}{{ toYaml . }}{{- end -}}
{{- end }}

{{/* The two contexts satisfy the restricted Pod Security Standard. mustMergeOverwrite keeps a user's false and 0. */}}
{{- define "model.podSecurityContext" -}}
{{- $ids := dict "runAsUser" 10001 "runAsGroup" 10001 "fsGroup" 10001 "fsGroupChangePolicy" "OnRootMismatch" -}}
{{- $restricted := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- mustMergeOverwrite $ids $restricted (deepCopy (.Values.podSecurityContext | default dict)) | toYaml -}}
{{- end }}

{{- define "model.securityContext" -}}
{{- $restricted := dict "allowPrivilegeEscalation" false "capabilities" (dict "drop" (list "ALL")) -}}
{{- $_ := set $restricted "readOnlyRootFilesystem" true -}}
{{- mustMergeOverwrite $restricted (deepCopy (.Values.securityContext | default dict)) | toYaml -}}
{{- end }}
