"""Grafana's provisioning files: the data source and where the dashboards lie. Pure.

Grafana puts environment variables in the place of `$NAME` as it reads them.
https://grafana.com/docs/grafana/latest/administration/provisioning/
"""

from storage.influx_http import DEFAULT_DATABASE

DATASOURCE_UID = "halong-influx"
DATASOURCE_NAME = "Hạ Long"
FOLDER = "Hạ Long"
SHORTEST_WINDOW = "10s"

DATASOURCE = f"""\
# Made by `python -m grafana`. InfluxDB 1.x: user and password. 2.x and 3: any user, and the API token as the secret.
apiVersion: 1
datasources:
  - name: {DATASOURCE_NAME}
    uid: {DATASOURCE_UID}
    type: influxdb
    access: proxy
    url: $HALONG_INFLUX_URL
    basicAuth: true
    basicAuthUser: $HALONG_INFLUX_USER
    secureJsonData:
      basicAuthPassword: $HALONG_INFLUX_SECRET
    jsonData:
      dbName: {DEFAULT_DATABASE}
      httpMode: POST
      timeInterval: {SHORTEST_WINDOW}
      maxSeries: 1000
    editable: false
"""

DASHBOARDS = f"""\
# Made by `python -m grafana`. HALONG_GRAFANA_DASHBOARDS is the absolute path of the directory with the JSON files.
apiVersion: 1
providers:
  - name: halong
    type: file
    folder: {FOLDER}
    disableDeletion: false
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: $HALONG_GRAFANA_DASHBOARDS
      foldersFromFilesStructure: false
"""
