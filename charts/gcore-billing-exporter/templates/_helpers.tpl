{{- define "exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name, with the chart's unless it has it already. */}}
{{- define "exporter.fullname" -}}
{{- $name := include "exporter.name" . -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $both .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "exporter.selector" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "exporter.labels" -}}
{{ include "exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the API keys. */}}
{{- define "exporter.secret" -}}
{{- if and .Values.existingSecret .Values.apiKeys -}}
{{- fail "set apiKeys or existingSecret, not both" -}}
{{- end -}}
{{- if not (or .Values.existingSecret .Values.apiKeys) -}}
{{- fail "no API key: set apiKeys.main, or existingSecret to a Secret that has the key main" -}}
{{- end -}}
{{- default (include "exporter.fullname" .) .Values.existingSecret -}}
{{- end -}}

{{/* The scheme of the listener: https where web.config has tls_server_config. */}}
{{- define "exporter.scheme" -}}
{{- ternary "http" "https" (empty (get (fromYaml .Values.web.config) "tls_server_config")) -}}
{{- end -}}

{{/* A probe: of a path, or by the program itself, which needs no password and finds TLS by itself. */}}
{{- define "exporter.probe" -}}
{{- if .web -}}
exec:
  command: [/usr/bin/gcore-billing-exporter, healthcheck, "--healthcheck.url=http://127.0.0.1:10061"]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
{{- end -}}
{{- end -}}
