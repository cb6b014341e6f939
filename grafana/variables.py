"""The variables of the dashboards. Pure."""

from grafana import queries, vital_queries
from grafana.looks import bilingual
from grafana.model import choice, datasource_choice, single_choice
from grafana.provision import DATASOURCE_NAME, DATASOURCE_UID

DS = datasource_choice(bilingual("Data source", "Nguồn"), DATASOURCE_NAME, DATASOURCE_UID)
SITE = choice("site", bilingual("Site", "Địa điểm"), queries.sites())
SENSOR = choice("sensor", bilingual("Sensor", "Cảm biến"), queries.sensors())
ONE_SENSOR = single_choice("sensor", bilingual("Sensor", "Cảm biến"), queries.sensors())
QUANTITY = choice("quantity", bilingual("Quantity", "Đại lượng"), queries.quantities())
CITY = (DS, SITE, SENSOR)
GATEWAY = choice("gateway", bilingual("Gateway", "Trạm thu"), vital_queries.gateways())
