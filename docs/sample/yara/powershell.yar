rule Sample_Suspicious_PowerShell_Download
{
    meta:
        description = "PowerShell that downloads and runs in one line (sample rule that ships with Sealift)"
        license = "Apache-2.0"
    strings:
        $a = "DownloadString(" ascii wide nocase
        $b = "IEX" ascii wide fullword
    condition:
        filesize < 1MB and all of them
}
