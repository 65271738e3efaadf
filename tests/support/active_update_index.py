"""An index in every documented form of an ActiveUpdate tree, and how one is read."""

from __future__ import annotations

from bundler.kinds.activeupdate.components import ComponentIndex, read_components
from bundler.kinds.activeupdate.ini import parse_ini

DOCUMENTED = """\
[Server]
Https=https://updates.invalid
Server.1=../elsewhere
[PATTERN]
Path_VSAPI=pattern/vsapi349.zip,1736100,5000
P.4=pattern/vsapi349.zip,1736100,5000
P.4.Merge.1=pattern/v_173.175,1730000,77
P.48040252=pattern/tmtbd64_en_257364.zip,257364,196355
P.48020000=pattern/icrc/ioth1674500.zip,1674500,9000
P.48020000.Merge.1=pattern/icrc/ioth_1674300.1674500,1674300,2063
[ENGINE]
E.4=VSAPI32_NT_I386,engine/engv_nt386_v12500-1004.zip,12.500.1004,1350445,6.510.1002
E.5=VSAPI32_NT_AMD64,engine/engv_ntamd_v12500-1004.zip,12.500.1004,1350446
E.6=TSC_NT_I386,engine/tsc_nt386.zip,7.1.1044,99
[All_Product]
MaxProductID=745
Product.744=PLM24_Other_CompList,1.0,3.0
Product.745=PLM25_OSCE_Addon_Service_CompList,1.0,3.0
[Info_744_10000_1_1]
Version=1.0
Build=7
Path=product/osce14/enu/PLM24.zip,5
[Info_745_10000_1_1]
Version=2.5
Build=1045
Path=product/osce14/enu/PLM25_OSCE_AOS_COMP_LIST.zip,166427
"""


def index_of(text: str) -> ComponentIndex:
    """Return what an index lists."""
    return read_components(parse_ini(text.encode(), "server.ini"))
