{{- /* Shared pieces. Names are fixed: the webhook configuration and the CA Secret exist once in a cluster anyway. */ -}}

{{- define "queue-splitter.labels" -}}
{{ include "queue-splitter.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "queue-splitter.selector" -}}
app.kubernetes.io/name: queue-splitter
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "queue-splitter.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* A service account for a process that talks to brokers carries the cloud identity. */ -}}
{{- define "queue-splitter.brokerIdentity" -}}
{{- $annotations := deepCopy .Values.sa.annotations }}
{{- with .Values.sa.roleArn }}
{{- $_ := set $annotations "eks.amazonaws.com/role-arn" . }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "queue-splitter.podMetadata" -}}
labels:
  {{- include "queue-splitter.labels" . | nindent 2 }}
  {{- with .root.Values.operator.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.operator.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What pods of all processes have in common, the clean-up Job's included. */ -}}
{{- define "queue-splitter.podSettings" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
enableServiceLinks: false
{{- with .Values.operator.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "queue-splitter.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "queue-splitter.selector" . | nindent 8 }}
{{- end }}

{{- define "queue-splitter.containerSettings" -}}
image: {{ include "queue-splitter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* Health and metrics share one port: neither says anything secret. */ -}}
{{- define "queue-splitter.probes" -}}
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  periodSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet:
    path: /healthz
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "queue-splitter.env" -}}
- name: QUEUE_SPLITTER_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: QUEUE_SPLITTER_VERSION
  value: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
- name: QUEUE_SPLITTER_LOG_LEVEL
  value: {{ .Values.operator.logLevel | quote }}
- name: QUEUE_SPLITTER_METRICS_PORT
  value: "9090"
{{- end }}

{{- define "queue-splitter.kinds" -}}
{{- $kinds := list }}
{{- if .Values.operator.sqsSplitting }}{{ $kinds = append $kinds "SQS" }}{{ end }}
{{- if .Values.operator.kafkaSplitting }}{{ $kinds = append $kinds "Kafka" }}{{ end }}
{{- if not $kinds }}{{ fail "operator.sqsSplitting and operator.kafkaSplitting are both false, so nothing could be split; set one of them." }}{{ end }}
{{- join "," $kinds | quote }}
{{- end }}

{{- /* For the processes that talk to brokers. The session name keeps the principal the same when MSK asks to authenticate again. */ -}}
{{- define "queue-splitter.brokerEnv" -}}
- name: AWS_ROLE_SESSION_NAME
  value: queue-splitter
{{- with .Values.aws.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.aws.endpoint }}
- name: AWS_ENDPOINT_URL_SQS
  value: {{ . | quote }}
{{- end }}
- name: QUEUE_SPLITTER_SQS_EMPTY_CONFIRMATION_MS
  value: {{ mul 1000 .Values.sqs.emptyConfirmationSeconds | quote }}
{{- end }}

{{- /* How a Kafka cluster is reached: client configs, and only those Secrets that a value names. */ -}}
{{- define "queue-splitter.kafkaRules" -}}
- apiGroups: [queues.mirrord.metalbear.co]
  resources: [mirrordkafkaclientconfigs]
  verbs: [list]
{{- with .Values.operator.kafkaSecrets }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
{{- end }}

{{- /* Argument: weight. A failed Job stays, so that its log can be read. */ -}}
{{- define "queue-splitter.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
